"""One call of the API: the gateway's key, the bearer, the body, and errors as GoTrue writes them."""

import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from aiohttp import web

from sandbox.supabase.errors import DATED, Closed, Refused, bad_json, bad_token
from sandbox.supabase.hooks import Hooks, tell_changes
from sandbox.supabase.sessions import Session
from sandbox.supabase.state import Project, project_of
from sandbox.supabase.users import Record, User
from sandbox.world import World

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
"""A project in development lets its links lead back to any port here."""
VERSION = "X-Supabase-Api-Version"
_TABLE = "map[string]interface {}"
_SERVICE, _ANON = "service_role", "anon"
_BEARER = re.compile(r"bearer (.+)", re.IGNORECASE)
_DATE = re.compile(r"\d{4}-\d\d-\d\d")


@dataclass(frozen=True, slots=True)
class Params:
    """A JSON object as Go reads it: null is as good as nothing, another type is an error."""

    given: Record

    def text(self, name: str) -> str:
        found = self._of(name, str, "string") or ""
        return str(found).encode("utf-16", "surrogatepass").decode("utf-16", "replace")

    def flag(self, name: str) -> bool:
        return bool(self._of(name, bool, "bool"))

    def table(self, name: str) -> Record | None:
        found: Record | None = self._of(name, dict, _TABLE)
        return found

    def check(self, texts: tuple[str, ...], flags: tuple[str, ...], tables: tuple[str, ...]) -> None:
        """Go reads the whole body before it does anything. Raises Refused with bad_json."""
        for names, kind, go in ((texts, str, "string"), (flags, bool, "bool"), (tables, dict, _TABLE)):
            for name in names:
                self._of(name, kind, go)

    def has(self, name: str) -> bool:
        return self.given.get(name) is not None

    def _of(self, name: str, kind: type, go: str) -> Any:
        found = self.given.get(name)
        if found is not None and not isinstance(found, kind):
            raise bad_json(f"json: cannot unmarshal {_go_kind(found)} into Go struct field .{name} of type {go}")
        return found


@dataclass(slots=True)
class Call:
    project: Project
    hooks: Hooks
    request: web.Request
    key: str = ""
    """The project's key that the gateway has seen."""
    bearer: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    """Of the answer."""

    @property
    def ip(self) -> str:
        forwarded = self.request.headers.get("X-Forwarded-For", "").partition(",")[0].strip()
        return forwarded or self.request.remote or ""

    @property
    def redirect_to(self) -> str:
        """Where a link leads in the end: where the caller wants it, if that is allowed, else to the site."""
        wanted = self.request.headers.get("redirect_to") or self.request.query.get("redirect_to", "")
        site = self.project.world.config.callback_base
        return wanted if _allowed(wanted, site) else site

    async def params(self) -> Params:
        """The body. Raises Refused with bad_json."""
        text = (await self.request.read()).decode("utf-8", "replace")
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            raise bad_json("invalid character or unexpected end of JSON input") from None
        if found is not None and not isinstance(found, dict):
            raise bad_json(f"json: cannot unmarshal {_go_kind(found)} into Go value")
        if found and found.get("code_challenge"):
            raise Refused(400, "validation_failed", "The sandbox does not play PKCE; use the implicit flow")
        return Params(found or {})

    def claims(self) -> Record:
        """Of the bearer: the apikey's own value stands for the token that the gateway makes of it. Raises Refused."""
        if not self.bearer:
            raise Refused(401, "no_authorization", "This endpoint requires a valid Bearer token")
        if self.bearer == self.key:
            return {"role": _SERVICE if self.key == self.project.world.config.supabase_service_key else _ANON}
        return self.project.keys.read(self.bearer, self.project.now())

    def signed_in(self) -> tuple[User, Session | None]:
        """The user and session of the bearer, both of which must still be there. Raises Refused."""
        claims = self.claims()
        subject, ident = claims.get("sub"), claims.get("session_id")
        if not subject:
            raise bad_token("invalid claim: missing sub claim")
        if not _is_uuid(subject):
            raise Refused(400, "bad_jwt", "invalid claim: sub claim must be a UUID")
        user = self.project.users.get(subject)
        if user is None:
            raise Refused(403, "user_not_found", "User from sub claim in JWT does not exist")
        session = self.project.sessions.get(str(ident))
        if ident and session is None:
            raise Refused(403, "session_not_found", "Session from session_id claim in JWT does not exist")
        if user.banned(self.project.now()):
            raise Refused(403, "user_banned", "User is banned")
        return user, session

    def require_admin(self) -> None:
        claims = self.claims()
        if claims.get("session_id"):
            self.signed_in()
        if claims.get("role") not in {_SERVICE, "supabase_admin"}:
            raise Refused(403, "not_admin", "User not allowed")

    @property
    def is_admin(self) -> bool:
        try:
            self.require_admin()
        except Refused:
            return False
        return True

    def open_session(self, user: User, method: str) -> Session:
        agent = self.request.headers.get("User-Agent", "")
        session = self.project.open_session(user, method, agent, self.ip)
        self.headers |= {"sb-auth-user-id": user.id, "sb-auth-session-id": session.id}
        return session

    def sign_in(self, user: User, method: str) -> Record:
        """A new session and its tokens."""
        return self.project.grant(user, self.open_session(user, method))


Endpoint = Callable[[Call], Awaitable[Record | web.Response]]


def handler(
    world: World, hooks: Hooks, endpoint: Endpoint, *, gated: bool = True
) -> Callable[[web.Request], Awaitable[web.Response]]:
    """`gated` is what the gateway lets through with a key alone."""

    async def handle(request: web.Request) -> web.Response:
        call, version = Call(project_of(world), hooks, request), _version(request)
        dated = {VERSION: version} if version else {}
        try:
            if gated:
                call.key, call.bearer = _through_the_gateway(request, world)
            found = await endpoint(call)
        except Closed as error:
            return web.json_response(error.body, status=401)
        except Refused as error:
            headers = dated or {"x-sb-error-code": error.code}
            return web.json_response(error.body(version), status=error.status, headers=headers)
        finally:
            tell_changes(call.project)
        if isinstance(found, web.Response):
            return found
        return web.json_response(found, headers=call.headers | dated)

    return handle


def _through_the_gateway(request: web.Request, world: World) -> tuple[str, str]:
    """Key and bearer, which is the key where none is given, and "" for an Authorization that is no bearer."""
    key = request.headers.get("apikey") or request.query.get("apikey")
    if not key:
        hint = "No `apikey` request header or url param was found."
        raise Closed("No API key found in request", hint)
    if key not in {world.config.supabase_anon_key, world.config.supabase_service_key}:
        hint = "Double check your Supabase `anon` or `service_role` API key."
        raise Closed("Invalid API key", hint)
    given = request.headers.get("Authorization")
    found = _BEARER.fullmatch(given.strip()) if given else None
    return key, key if given is None else found[1].strip() if found else ""


def _version(request: web.Request) -> str:
    """The newest version that the caller knows, "" for the first."""
    given = request.headers.get(VERSION, "")
    return DATED if _DATE.fullmatch(given) and given >= DATED else ""


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
