"""Keys of the operator's own programs: they open the language models, and nothing else."""

import hmac
from collections.abc import Iterable
from hashlib import sha256
from uuid import UUID

from hub.people.identity.authenticator import Authenticator
from hub.people.identity.model import Caller
from hub.people.identity.permissions import Role


class ServiceKeyAuthenticator:
    """In front of the door: who comes with a key is a service, everybody else is looked at as always.

    A key is kept as its digest alone, and all are compared in the same time.
    """

    def __init__(self, keys: Iterable[str], authenticator: Authenticator) -> None:
        self._digests = tuple(sha256(key.encode()).digest() for key in keys)
        self._door = authenticator

    async def authenticate_token(self, token: str) -> Caller:
        """Raises Unauthenticated, Forbidden."""
        return self._service(token) or await self._door.authenticate_token(token)

    async def require_live_session(self, caller: Caller, token: str) -> None:
        """Raises Unauthenticated `session_ended`. A key has no session that could have ended."""
        if caller.kind != "service":
            await self._door.require_live_session(caller, token)

    def _service(self, token: str) -> Caller | None:
        given = sha256(token.encode("utf-8", "replace")).digest()
        fitting = [one for one in self._digests if hmac.compare_digest(one, given)]
        if not fitting:
            return None
        return Caller(UUID(bytes=fitting[0][:16], version=5), roles=frozenset({Role.STAFF}), kind="service")
