"""The authorization endpoint: asks who it is, and sends the browser back with a code."""

import re
from dataclasses import dataclass
from urllib.parse import urlencode

from aiohttp import web

from sandbox.oidc.html_pages import HtmlPages, redirect_to
from sandbox.oidc.state import (
    CODE_LIFE,
    PEOPLE,
    AuthorizationCode,
    OidcSession,
    Person,
    get_clients,
    get_issuer,
    get_oidc_state,
    is_registered,
)
from sandbox.state import SandboxState

CALLBACK_PATH = "/auth/callback"
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")


class OidcRedirectError(Exception):
    """An error that goes back to the client by redirect (RFC 6749, 4.1.2.1)."""

    def __init__(self, error: str, why: str) -> None:
        super().__init__(why)
        self.error = error


@dataclass(slots=True)
class AuthenticationRequest:
    """One authentication request: the first value of each parameter, and the names that came more than once."""

    params: dict[str, str]
    repeated_params: set[str]

    def get_param(self, name: str) -> str:
        return self.params.get(name, "")


class AuthorizationEndpoint:
    def __init__(self, world: SandboxState) -> None:
        self._world = world
        self._pages = HtmlPages()

    async def handle_request(self, request: web.Request) -> web.Response:
        """GET or POST. `user` is what the page's buttons add: a username, or nothing for no."""
        form = await request.post() if request.method == "POST" else {}
        pairs = [*request.query.items(), *((name, str(value)) for name, value in form.items())]
        asked = _collect(pairs, posted=bool(form))
        redirect_uri = asked.get_param("redirect_uri")
        if {"client_id", "redirect_uri"} & asked.repeated_params or asked.get_param("client_id") not in get_clients(
            self._world
        ):
            return self._pages.render_refusal("The client is not known here.")
        if not is_registered(self._world, redirect_uri, CALLBACK_PATH):
            return self._pages.render_refusal("The redirect_uri is not registered for this client.")
        try:
            _check(asked)
            person = _chosen(asked)
        except OidcRedirectError as error:
            return self._back(asked, {"error": error.error, "error_description": str(error)})
        if person is None:
            return self._ask(asked)
        return self._back(asked, {"code": self._code(asked, person)})

    def _ask(self, asked: AuthenticationRequest) -> web.Response:
        """The person who is hinted at comes first."""
        hint = asked.get_param("login_hint")
        people = sorted(PEOPLE.values(), key=lambda one: one.username != hint)
        fields = [(name, value) for name, value in asked.params.items() if name != "user"]
        return self._pages.render_page(
            "sign_in.html", client_id=asked.get_param("client_id"), people=people, fields=fields
        )

    def _back(self, asked: AuthenticationRequest, facts: dict[str, str]) -> web.Response:
        """With `state` as it came, and `iss` (RFC 9207)."""
        state = {"state": asked.get_param("state")} if asked.get_param("state") else {}
        url = asked.get_param("redirect_uri")
        answer = urlencode({**facts, **state, "iss": get_issuer(self._world)})
        return redirect_to(url + ("&" if "?" in url else "?") + answer)

    def _code(self, asked: AuthenticationRequest, person: Person) -> str:
        world, state = self._world, get_oidc_state(self._world)
        now = world.now()
        sid, code = world.random.randbytes(12).hex(), world.random.randbytes(24).hex()
        session = OidcSession(sid, person, asked.get_param("client_id"), asked.get_param("scope"), int(now.timestamp()))
        state.sessions[sid] = session
        state.codes[code] = AuthorizationCode(
            sid,
            redirect_uri=asked.get_param("redirect_uri"),
            code_challenge=asked.get_param("code_challenge"),
            nonce=asked.params.get("nonce"),
            expires_at=now + CODE_LIFE,
        )
        return code


def _collect(pairs: list[tuple[str, str]], *, posted: bool) -> AuthenticationRequest:
    """The page's form repeats what its own address says already; anything else that comes twice is a mistake."""
    given: dict[str, str] = {}
    repeated = set()
    for name, value in pairs:
        if name in given and not (posted and given[name] == value):
            repeated.add(name)
        given.setdefault(name, value)
    return AuthenticationRequest(given, repeated)


def _check(asked: AuthenticationRequest) -> None:
    if asked.repeated_params:
        raise OidcRedirectError("invalid_request", f"{min(asked.repeated_params)} came more than once.")
    if asked.get_param("request"):
        raise OidcRedirectError("request_not_supported", "Request objects are not supported.")
    if asked.get_param("request_uri"):
        raise OidcRedirectError("request_uri_not_supported", "Request objects are not supported.")
    if not asked.get_param("response_type"):
        raise OidcRedirectError("invalid_request", "response_type is missing.")
    if asked.get_param("response_type") != "code":
        raise OidcRedirectError("unsupported_response_type", "Only the authorization code flow is supported.")
    if asked.params.get("response_mode", "query") != "query":
        raise OidcRedirectError("invalid_request", "Only response_mode=query is supported.")
    if "openid" not in asked.get_param("scope").split():
        raise OidcRedirectError("invalid_scope", "The scope must contain openid.")
    if asked.get_param("code_challenge_method") != "S256" or not _CHALLENGE.fullmatch(
        asked.get_param("code_challenge")
    ):
        raise OidcRedirectError("invalid_request", "A code_challenge with the method S256 is required.")


def _chosen(asked: AuthenticationRequest) -> Person | None:
    """Who it is; None when that has to be asked. With prompt=none it may not be, and the hint has to do."""
    prompts = set(asked.get_param("prompt").split())
    if "none" in prompts and len(prompts) > 1:
        raise OidcRedirectError("invalid_request", "prompt=none goes with no other prompt.")
    if "none" in prompts:
        if asked.get_param("login_hint") not in PEOPLE:
            raise OidcRedirectError("login_required", "Nobody is signed in.")
        return PEOPLE[asked.get_param("login_hint")]
    if "user" not in asked.params:
        return None
    if not asked.get_param("user"):
        raise OidcRedirectError("access_denied", "The sign-in was cancelled.")
    return PEOPLE.get(asked.get_param("user"))
