"""One call of the API: the gateway's key, the bearer, the body, and errors as GoTrue writes them."""

import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from aiohttp import web

from sandbox.state import SandboxState
from sandbox.supabase.errors import DATED_API_VERSION, GatewayRefusal, SupabaseApiError, make_bad_json, make_bad_token
from sandbox.supabase.hooks import HookCaller, send_user_changes
from sandbox.supabase.sessions import AuthSession
from sandbox.supabase.state import SupabaseProject, get_supabase_project
from sandbox.supabase.users import AuthUser, Record

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
"""A project in development lets its links lead back to any port here."""
VERSION_HEADER = "X-Supabase-Api-Version"
_TABLE = "map[string]interface {}"
_SERVICE, _ANON = "service_role", "anon"
_BEARER = re.compile(r"bearer (.+)", re.IGNORECASE)
_DATE = re.compile(r"\d{4}-\d\d-\d\d")


@dataclass(frozen=True, slots=True)
class RequestParams:
    """A JSON object as Go reads it: null is as good as nothing, another type is an error."""

    raw: Record

    def read_text(self, name: str) -> str:
        found = self._of(name, str, "string") or ""
        return str(found).encode("utf-16", "surrogatepass").decode("utf-16", "replace")

    def read_flag(self, name: str) -> bool:
        return bool(self._of(name, bool, "bool"))

    def read_table(self, name: str) -> Record | None:
        found: Record | None = self._of(name, dict, _TABLE)
        return found

    def check_types(self, texts: tuple[str, ...], flags: tuple[str, ...], tables: tuple[str, ...]) -> None:
        """Go reads the whole body before it does anything. Raises Refused with bad_json."""
        for names, kind, go in ((texts, str, "string"), (flags, bool, "bool"), (tables, dict, _TABLE)):
            for name in names:
                self._of(name, kind, go)

    def has_param(self, name: str) -> bool:
        return self.raw.get(name) is not None

    def _of(self, name: str, kind: type, go: str) -> Any:
        found = self.raw.get(name)
        if found is not None and not isinstance(found, kind):
            raise make_bad_json(f"json: cannot unmarshal {_go_kind(found)} into Go struct field .{name} of type {go}")
        return found


@dataclass(slots=True)
class SupabaseCall:
    project: SupabaseProject
    hooks: HookCaller
    request: web.Request
    key: str = ""
    """The project's key that the gateway has seen."""
    bearer: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    """Of the answer."""

    @property
    def client_ip(self) -> str:
        forwarded = self.request.headers.get("X-Forwarded-For", "").partition(",")[0].strip()
        return forwarded or self.request.remote or ""

    @property
    def redirect_target(self) -> str:
        """Where a link leads in the end: where the caller wants it, if that is allowed, else to the site."""
        wanted = self.request.headers.get("redirect_to") or self.request.query.get("redirect_to", "")
        site = self.project.world.config.callback_base
        return wanted if _allowed(wanted, site) else site

    async def read_params(self) -> RequestParams:
        """The body. Raises Refused with bad_json."""
        text = (await self.request.read()).decode("utf-8", "replace")
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            raise make_bad_json("invalid character or unexpected end of JSON input") from None
        if found is not None and not isinstance(found, dict):
            raise make_bad_json(f"json: cannot unmarshal {_go_kind(found)} into Go value")
        if found and found.get("code_challenge"):
            raise SupabaseApiError(400, "validation_failed", "The sandbox does not play PKCE; use the implicit flow")
        return RequestParams(found or {})

    def read_claims(self) -> Record:
        """Of the bearer: the apikey's own value stands for the token that the gateway makes of it. Raises Refused."""
        if not self.bearer:
            raise SupabaseApiError(401, "no_authorization", "This endpoint requires a valid Bearer token")
        if self.bearer == self.key:
            return {"role": _SERVICE if self.key == self.project.world.config.supabase_service_key else _ANON}
        return self.project.keys.read_token(self.bearer, self.project.current_time())

    def require_user(self) -> tuple[AuthUser, AuthSession | None]:
        """The user and session of the bearer, both of which must still be there. Raises Refused."""
        claims = self.read_claims()
        subject, ident = claims.get("sub"), claims.get("session_id")
        if not subject:
            raise make_bad_token("invalid claim: missing sub claim")
        if not _is_uuid(subject):
            raise SupabaseApiError(400, "bad_jwt", "invalid claim: sub claim must be a UUID")
        user = self.project.users.get(subject)
        if user is None:
            raise SupabaseApiError(403, "user_not_found", "User from sub claim in JWT does not exist")
        session = self.project.sessions.get(str(ident))
        if ident and session is None:
            raise SupabaseApiError(403, "session_not_found", "Session from session_id claim in JWT does not exist")
        if user.is_banned(self.project.current_time()):
            raise SupabaseApiError(403, "user_banned", "User is banned")
        return user, session

    def require_admin(self) -> None:
        claims = self.read_claims()
        if claims.get("session_id"):
            self.require_user()
        if claims.get("role") not in {_SERVICE, "supabase_admin"}:
            raise SupabaseApiError(403, "not_admin", "User not allowed")

    @property
    def is_admin(self) -> bool:
        try:
            self.require_admin()
        except SupabaseApiError:
            return False
        return True

    def open_session(self, user: AuthUser, method: str) -> AuthSession:
        agent = self.request.headers.get("User-Agent", "")
        session = self.project.open_session(user, method, agent, self.client_ip)
        self.headers |= {"sb-auth-user-id": user.id, "sb-auth-session-id": session.id}
        return session

    def create_session(self, user: AuthUser, method: str) -> Record:
        """A new session and its tokens."""
        return self.project.grant_tokens(user, self.open_session(user, method))


Endpoint = Callable[[SupabaseCall], Awaitable[Record | web.Response]]


def api_handler(
    world: SandboxState, hooks: HookCaller, endpoint: Endpoint, *, gated: bool = True
) -> Callable[[web.Request], Awaitable[web.Response]]:
    """`gated` is what the gateway lets through with a key alone."""

    async def handle(request: web.Request) -> web.Response:
        call, version = SupabaseCall(get_supabase_project(world), hooks, request), _version(request)
        dated = {VERSION_HEADER: version} if version else {}
        try:
            if gated:
                call.key, call.bearer = _through_the_gateway(request, world)
            found = await endpoint(call)
        except GatewayRefusal as error:
            return web.json_response(error.body, status=401)
        except SupabaseApiError as error:
            headers = dated or {"x-sb-error-code": error.code}
            return web.json_response(error.build_body(version), status=error.status, headers=headers)
        finally:
            send_user_changes(call.project)
        if isinstance(found, web.Response):
            return found
        return web.json_response(found, headers=call.headers | dated)

    return handle


def _through_the_gateway(request: web.Request, world: SandboxState) -> tuple[str, str]:
    """Key and bearer, which is the key where none is given, and "" for an Authorization that is no bearer."""
    key = request.headers.get("apikey") or request.query.get("apikey")
    if not key:
        hint = "No `apikey` request header or url param was found."
        raise GatewayRefusal("No API key found in request", hint)
    if key not in {world.config.supabase_anon_key, world.config.supabase_service_key}:
        hint = "Double check your Supabase `anon` or `service_role` API key."
        raise GatewayRefusal("Invalid API key", hint)
    given = request.headers.get("Authorization")
    found = _BEARER.fullmatch(given.strip()) if given else None
    return key, key if given is None else found[1].strip() if found else ""


def _version(request: web.Request) -> str:
    """The newest version that the caller knows, "" for the first."""
    given = request.headers.get(VERSION_HEADER, "")
    return DATED_API_VERSION if _DATE.fullmatch(given) and given >= DATED_API_VERSION else ""


def _allowed(target: str, site: str) -> bool:
    try:
        wanted, own = urlsplit(target), urlsplit(site)
        same = (wanted.scheme, wanted.hostname, wanted.port) == (own.scheme, own.hostname, own.port)
    except ValueError:
        return False
    return bool(wanted.hostname) and (same or (wanted.scheme in {"http", "https"} and wanted.hostname in LOOPBACK))


def _is_uuid(text: Any) -> bool:
    try:
        UUID(text)
    except (ValueError, TypeError, AttributeError):
        return False
    return True


def _go_kind(value: Any) -> str:
    match value:
        case bool():
            return "bool"
        case int() | float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"
