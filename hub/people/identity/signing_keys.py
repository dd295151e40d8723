"""The hub's signing keys: ES256, in the database, the private halves sealed, rotated without signing anyone out.

A new key is published at once and signs only after a while, when everybody who keeps a copy of the set has seen it.
An old key is published until the last token that it signed has expired.
"""

import asyncio
from contextvars import Context
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import jwt
import structlog
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from hub.core.clock import Clock, IdGenerator
from hub.core.db import Database, Tx, load_queries
from hub.core.errors import HubError
from hub.core.jwks import JwksCache
from hub.core.sealing import SecretBox, UnsealError

SQL = load_queries("signing_keys")
log = structlog.get_logger(__name__)

SIGNING_ALGORITHM = "ES256"
PUBLISH_AHEAD = timedelta(minutes=10)
"""Edges keep a key set for so long."""
VERIFY_OVERLAP = timedelta(minutes=30)
"""For so long after its successor began a key still verifies: longer than any token of it lives."""
SIGNER_REFRESH_AFTER = 60.0
"""Seconds after which it is looked whether another key signs by now."""
SIGNER_MAX_AGE = 300.0
"""Seconds after which nothing is signed before that is known. Shorter than AHEAD."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    kid: str
    created_at: datetime
    signs_from: datetime
    private_key: ec.EllipticCurvePrivateKey


@dataclass(frozen=True, slots=True)
class SigningKeyInfo:
    """`state` is `waiting`, `signing`, `verifying` or `retired`."""

    kid: str
    created_at: datetime
    signs_from: datetime
    state: str


class SigningKeyStore:
    def __init__(self, db: Database, vault: SecretBox, clock: Clock, ids: IdGenerator) -> None:
        self._db = db
        self._vault = vault
        self._clock = clock
        self._ids = ids
        self._signer: tuple[float, SigningKey] | None = None
        self._looking: asyncio.Task[None] | None = None
        self.public_keys = JwksCache(self.list_public_jwks, clock, ttl=60.0, cooldown=1.0)

    async def close(self) -> None:
        await self.public_keys.close()
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)

    async def get_signing_key(self) -> SigningKey:
        """The key that signs now; the first one is made here.

        Whether another has taken over is looked up behind the caller's back, who may be in a transaction; but what was
        true long ago is not believed: the key may be retired by now.
        """
        age = None if self._signer is None else self._clock.monotonic() - self._signer[0]
        if age is None or age > SIGNER_MAX_AGE:
            await self._look()
        elif age > SIGNER_REFRESH_AFTER and self._looking is None:
            self._looking = asyncio.get_running_loop().create_task(self._look_quietly(), context=Context())
        return self._signer[1]  # type: ignore[index]

    async def _look(self) -> None:
        self._signer = self._clock.monotonic(), await self._load() or await self._make(self._clock.now())

    async def _look_quietly(self) -> None:
        """The old key signs on while the database is away."""
        try:
            await self._look()
        except HubError as error:
            log.warning("keys.load_failed", error=error.code)
        finally:
            self._looking = None

    async def list_public_jwks(self) -> list[dict[str, Any]]:
        """The public halves of all keys that sign, will sign, or have signed what may still be alive."""
        return [row["public_jwk"] for row in await self._rows() if row["state"] != "retired"]

    async def rotate_key(self, *, sign_at_once: bool = False) -> str:
        """A new key; the `kid` of it. `sign_at_once` is for a key that has leaked: it signs at once."""
        await self.get_signing_key()
        made = await self._make(self._clock.now() + (timedelta() if sign_at_once else PUBLISH_AHEAD), only_first=False)
        self._signer = None
        return made.kid

    async def list_keys(self) -> list[SigningKeyInfo]:
        names = "kid created_at signs_from state".split()
        return [SigningKeyInfo(**{name: row[name] for name in names}) for row in await self._rows()]

    async def _rows(self) -> list[Any]:
        async with self._db.connection() as connection:
            return await connection.fetch(SQL.keys, self._clock.now(), VERIFY_OVERLAP)

    async def _load(self) -> SigningKey | None:
        """None when there is no key yet, or none that this hub's secret opens."""
        for row in await self._rows():
            if row["signs_from"] <= self._clock.now() and (key := self._opened(row)) is not None:
                return key
        return None

    def _opened(self, row: Any) -> SigningKey | None:
        try:
            pem = self._vault.unseal_text(f"key:{row['kid']}", row["sealed"])
        except UnsealError:
            return None
        private = serialization.load_pem_private_key(pem.encode(), password=None)
        if not isinstance(private, ec.EllipticCurvePrivateKey):
            return None
        return SigningKey(row["kid"], row["created_at"], row["signs_from"], private)

    async def _make(self, signs_from: datetime, *, only_first: bool = True) -> SigningKey:
        async with self._db.transaction() as tx:
            await tx.execute(SQL.lock)
            if only_first and (found := await self._first(tx)) is not None:
                return found
            key = SigningKey(
                self._ids.new_token(8), self._clock.now(), signs_from, ec.generate_private_key(ec.SECP256R1())
            )
            sealed = self._vault.seal_text(f"key:{key.kid}", _pem(key.private_key))
            await tx.execute(SQL.insert, key.kid, _public(key), sealed, key.created_at, signs_from)
            await tx.execute(SQL.forget, self._clock.now() - timedelta(days=30))
            return key

    async def _first(self, tx: Tx) -> SigningKey | None:
        """Another process was faster."""
        rows = await tx.fetch(SQL.keys, self._clock.now(), VERIFY_OVERLAP)
        opened = (self._opened(row) for row in rows if row["signs_from"] <= self._clock.now())
        return next((one for one in opened if one is not None), None)


def _pem(private: ec.EllipticCurvePrivateKey) -> str:
    return private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def _public(key: SigningKey) -> dict[str, Any]:
    public: dict[str, Any] = ECAlgorithm.to_jwk(key.private_key.public_key(), as_dict=True)
    return {**public, "kid": key.kid, "alg": SIGNING_ALGORITHM, "use": "sig"}


def sign_claims(key: SigningKey, claims: dict[str, Any]) -> str:
    return jwt.encode(claims, key.private_key, algorithm=SIGNING_ALGORITHM, headers={"kid": key.kid})
