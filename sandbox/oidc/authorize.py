"""The authorization endpoint: asks who it is, and sends the browser back with a code."""

import re
from dataclasses import dataclass
from urllib.parse import urlencode

from aiohttp import web

from sandbox.oidc.screens import Pages, go
from sandbox.oidc.state import CODE_LIFE, PEOPLE, Code, Person, Session, clients_of, is_registered, issuer_of, state_of
from sandbox.world import World

CALLBACK = "/auth/callback"
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")


class Refused(Exception):
    """An error that goes back to the client by redirect (RFC 6749, 4.1.2.1)."""

    def __init__(self, error: str, why: str) -> None:
        super().__init__(why)
        self.error = error


@dataclass(slots=True)
class Asked:
    """One authentication request: the first value of each parameter, and the names that came more than once."""

    given: dict[str, str]
    repeated: set[str]

    def get(self, name: str) -> str:
        return self.given.get(name, "")


class Authorize:
    def __init__(self, world: World) -> None:
        self._world = world
        self._pages = Pages()

    async def asked(self, request: web.Request) -> web.Response:
        """GET or POST. `user` is what the page's buttons add: a username, or nothing for no."""
        form = await request.post() if request.method == "POST" else {}
        pairs = [*request.query.items(), *((name, str(value)) for name, value in form.items())]
        asked = _collect(pairs, posted=bool(form))
        redirect_uri = asked.get("redirect_uri")
        if {"client_id", "redirect_uri"} & asked.repeated or asked.get("client_id") not in clients_of(self._world):
            return self._pages.refusal("The client is not known here.")
        if not is_registered(self._world, redirect_uri, CALLBACK):
            return self._pages.refusal("The redirect_uri is not registered for this client.")
        try:
            _check(asked)
            person = _chosen(asked)
        except Refused as error:
            return self._back(asked, {"error": error.error, "error_description": str(error)})
        if person is None:
            return self._ask(asked)
        return self._back(asked, {"code": self._code(asked, person)})

    def _ask(self, asked: Asked) -> web.Response:
        """The person who is hinted at comes first."""
        hint = asked.get("login_hint")
        people = sorted(PEOPLE.values(), key=lambda one: one.username != hint)
        fields = [(name, value) for name, value in asked.given.items() if name != "user"]
        return self._pages.page("sign_in.html", client_id=asked.get("client_id"), people=people, fields=fields)

    def _back(self, asked: Asked, facts: dict[str, str]) -> web.Response:
        """With `state` as it came, and `iss` (RFC 9207)."""
        state = {"state": asked.get("state")} if asked.get("state") else {}
        url = asked.get("redirect_uri")
        answer = urlencode({**facts, **state, "iss": issuer_of(self._world)})
        return go(url + ("&" if "?" in url else "?") + answer)

    def _code(self, asked: Asked, person: Person) -> str:
        world, state = self._world, state_of(self._world)
        now = world.now()
        sid, code = world.random.randbytes(12).hex(), world.random.randbytes(24).hex()
        session = Session(sid, person, asked.get("client_id"), asked.get("scope"), int(now.timestamp()))
        state.sessions[sid] = session
        state.codes[code] = Code(
            sid,
            redirect_uri=asked.get("redirect_uri"),
            challenge=asked.get("code_challenge"),
            nonce=asked.given.get("nonce"),
            expires_at=now + CODE_LIFE,
        )
        return code


def _collect(pairs: list[tuple[str, str]], *, posted: bool) -> Asked:
    """The page's form repeats what its own address says already; anything else that comes twice is a mistake."""
    given: dict[str, str] = {}
    repeated = set()
    for name, value in pairs:
        if name in given and not (posted and given[name] == value):
            repeated.add(name)
        given.setdefault(name, value)
    return Asked(given, repeated)


def _check(asked: Asked) -> None:
    if asked.repeated:
        raise Refused("invalid_request", f"{min(asked.repeated)} came more than once.")
    if asked.get("request"):
        raise Refused("request_not_supported", "Request objects are not supported.")
    if asked.get("request_uri"):
        raise Refused("request_uri_not_supported", "Request objects are not supported.")
    if not asked.get("response_type"):
        raise Refused("invalid_request", "response_type is missing.")
    if asked.get("response_type") != "code":
        raise Refused("unsupported_response_type", "Only the authorization code flow is supported.")
    if asked.given.get("response_mode", "query") != "query":
        raise Refused("invalid_request", "Only response_mode=query is supported.")
    if "openid" not in asked.get("scope").split():
        raise Refused("invalid_scope", "The scope must contain openid.")
    if asked.get("code_challenge_method") != "S256" or not _CHALLENGE.fullmatch(asked.get("code_challenge")):
        raise Refused("invalid_request", "A code_challenge with the method S256 is required.")


def _chosen(asked: Asked) -> Person | None:
    """Who it is; None when that has to be asked. With prompt=none it may not be, and the hint has to do."""
    prompts = set(asked.get("prompt").split())
    if "none" in prompts and len(prompts) > 1:
        raise Refused("invalid_request", "prompt=none goes with no other prompt.")
    if "none" in prompts:
        if asked.get("login_hint") not in PEOPLE:
            raise Refused("login_required", "Nobody is signed in.")
        return PEOPLE[asked.get("login_hint")]
    if "user" not in asked.given:
        return None
    if not asked.get("user"):
        raise Refused("access_denied", "The sign-in was cancelled.")
    return PEOPLE.get(asked.get("user"))
