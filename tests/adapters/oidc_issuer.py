"""A provider's adapter, connected, and an issuer that signs what it is told."""

import json
import random
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from adapters.oidc import OidcProvider
from adapters.transport import Transport
from hub.resilience.policy import ResiliencePolicy
from hub.resilience.retry import Backoff

QUICK = ResiliencePolicy(
    timeout=3,
    backoff=Backoff(initial_delay=0.001, max_delay=0.01, max_retry_after=0.1),
    retry_reserve=20,
    breaker_min_calls=1000,
)
BACK = "http://127.0.0.1:3000/auth/callback"
VERIFIER = "v" * 43
SIGN_IN = {"redirect_uri": BACK, "nonce": "n1", "verifier": VERIFIER}


class Clock:
    """The system's, `ahead` of it."""

    def __init__(self):
        self.ahead = timedelta()

    def now(self):
        return datetime.now(UTC) + self.ahead

    def monotonic(self):
        return self.now().timestamp()

    async def sleep(self, seconds):
        self.ahead += timedelta(seconds=seconds)


@asynccontextmanager
async def connected(clock, records, issuer, **settings):
    async with Transport.open_with_session(
        clock=clock, chance=random.Random(1), policies={"oidc": QUICK}, record=records.append
    ) as transport:
        given = {
            "client_id": "travel-hub",
            "client_secret": "sandbox-oidc-secret",
            "audience": "travel-hub-api",
            "roles_claim": "realm_access.roles",
        }
        provider = OidcProvider(transport, issuer=issuer, clock=clock, **given | settings)
        yield provider
        await provider.close()


class Issuer:
    def __init__(self):
        self.base = ""
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.public = json.loads(ECAlgorithm.to_jwk(self.key.public_key())) | {"kid": "k", "use": "sig", "alg": "ES256"}
        self.document = {}
        self.tokens = {}
        self.status = 200
        self.asked = []
        self.down = False

    def claims(self, **more):
        now = int(datetime.now(UTC).timestamp())
        base = {"iss": self.base, "sub": "u1", "aud": "travel-hub", "iat": now, "exp": now + 300, "nonce": "n1"}
        return {name: value for name, value in (base | more).items() if value is not ...}

    def sign(self, headers=None, **more):
        return jwt.encode(self.claims(**more), self.key, algorithm="ES256", headers={"kid": "k"} | (headers or {}))

    def bearer(self, headers=None, **more):
        return self.sign(
            headers, **{"aud": "travel-hub-api", "nonce": ..., "realm_access": {"roles": ["admin"]}} | more
        )

    async def handle(self, request):
        self.asked.append((request.path, dict(request.headers), dict(await request.post())))
        if self.down:
            return web.Response(status=503)
        match request.path:
            case "/.well-known/openid-configuration":
                paths = {"authorization_endpoint": "a?x=1", "token_endpoint": "t", "jwks_uri": "j"}
                found = {"issuer": self.base} | {name: f"{self.base}/{path}" for name, path in paths.items()}
                shown = (found | self.document).items()
                return web.json_response({name: value for name, value in shown if value is not ...})
            case "/j":
                return web.json_response({"keys": [self.public]})
        return web.json_response(self.tokens, status=self.status)
