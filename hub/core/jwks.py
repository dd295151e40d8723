"""An issuer's public keys, kept: a token is checked without asking anybody, and a rotation is seen at once."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from contextvars import Context
from typing import Any

import jwt
import structlog

from hub.core.clock import Clock
from hub.core.errors import HubError, Unavailable

log = structlog.get_logger(__name__)

ASYMMETRIC_ALGORITHMS = ("ES256", "ES384", "ES512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "EdDSA")
"""What a published key may sign with. A shared secret has no place in a public document."""

FetchKeys = Callable[[], Awaitable[list[dict[str, Any]]]]


class JwksCache:
    """The keys of one JWKS. Times in seconds.

    For `ttl` they are fresh. After that a key that is known is served all the same, and the set is fetched again
    behind the caller's back; when that fails the old keys stay. A kid that is not known has the set fetched at once,
    and if that does not bring it, or fails, nothing is fetched for `cooldown`: made-up kids cost one request in that
    time, however many come. A fetch that lasts longer than `timeout` has failed.
    """

    def __init__(
        self, fetch: FetchKeys, clock: Clock, *, ttl: float = 600.0, cooldown: float = 30.0, timeout: float = 5.0
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._life = ttl
        self._cooldown = cooldown
        self._patience = timeout
        self._keys: tuple[jwt.PyJWK, ...] = ()
        self._by_kid: dict[str, jwt.PyJWK] = {}
        self._fresh_until: float | None = None
        """None until there has been a first answer."""
        self._quiet_until: float | None = None
        self._error: Exception | None = None
        self._task: asyncio.Task[None] | None = None

    def get_fresh_key(self, kid: str | None) -> jwt.PyJWK | None:
        """A fresh key, at once; None when there is anything to wait for. Its algorithm is for the caller to pin."""
        return self._by_kid.get(kid) if kid is not None and self._fresh else None

    async def find_key(self, kid: str | None, algorithms: Collection[str]) -> jwt.PyJWK | None:
        """The key of that name that signs with one of the algorithms; without a name, the only one that does.

        None when the issuer has no such key. Raises what the fetch raised (Unavailable, if that is none of ours)
        while nothing has ever been fetched.
        """
        key = self._pick(kid, algorithms)
        if key is not None:
            if not self._fresh and not self._quiet:
                self._start(kid, algorithms)
            return key
        if self._task is not None or not self._quiet:
            await self._join(kid, algorithms)
            key = self._pick(kid, algorithms)
        if key is None and self._fresh_until is None:
            raise self._trouble()
        return key

    async def close(self) -> None:
        """Ends a fetch in the air; who waits for it gets Unavailable."""
        task = self._task
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    @property
    def _fresh(self) -> bool:
        return self._fresh_until is not None and self._clock.monotonic() < self._fresh_until

    @property
    def _quiet(self) -> bool:
        return self._quiet_until is not None and self._clock.monotonic() < self._quiet_until

    def _pick(self, kid: str | None, algorithms: Collection[str]) -> jwt.PyJWK | None:
        fitting = [key for key in self._keys if kid in {None, key.key_id} and key.algorithm_name in algorithms]
        if kid is not None:
            return fitting[0] if fitting else None
        return fitting[0] if len(fitting) == 1 else None

    def _start(self, kid: str | None, algorithms: Collection[str]) -> asyncio.Task[None]:
        """One fetch at a time, and nobody's own: not under the first caller's deadline, nor ended when they leave."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._refresh(kid, algorithms), context=Context())
            self._task.add_done_callback(self._landed)
        return self._task

    async def _join(self, kid: str | None, algorithms: Collection[str]) -> None:
        task = self._start(kid, algorithms)
        await asyncio.wait((task,))
        if task.cancelled():
            raise Unavailable("The hub is shutting down.", retry_after=1)

    def _landed(self, _: asyncio.Task[None]) -> None:
        self._task = None

    async def _refresh(self, kid: str | None, algorithms: Collection[str]) -> None:
        started = self._clock.monotonic()
        try:
            async with asyncio.timeout(self._patience):
                self._take(await self._fetch())
        except Exception as error:  # noqa: BLE001 (whatever it is, the old keys stay, and it is told in the log)
            self._failed(error)
        if self._error is not None or self._pick(kid, algorithms) is None:
            self._quiet_until = started + self._cooldown

    def _take(self, documents: list[dict[str, Any]]) -> None:
        if not isinstance(documents, list):
            raise TypeError("not a list of keys")
        self._keys = tuple(key for key in map(parse_public_key, documents) if key is not None)
        # Backwards, so that the first of two keys of the same name is the one in both places.
        self._by_kid = {key.key_id: key for key in reversed(self._keys) if key.key_id is not None}
        self._fresh_until = self._clock.monotonic() + self._life
        if self._error is not None:
            self._error = None
            log.info("jwks.refresh_recovered")

    def _failed(self, error: Exception) -> None:
        if self._error is None:
            log.warning("jwks.refresh_failed", error=type(error).__name__, kept=len(self._keys))
        self._error = error

    def _trouble(self) -> Exception:
        if isinstance(self._error, HubError):
            return self._error.with_traceback(None)
        return Unavailable("The issuer's keys cannot be had at the moment.", retry_after=self._cooldown)


def parse_public_key(document: Any) -> jwt.PyJWK | None:
    """A published key as one that can check signatures; None for any other.

    It has to be meant for signatures (`use` sig, or `key_ops` with verify). A missing `alg` follows from the key's
    kind (RFC 7517 leaves it out at will, and Entra ID does).
    """
    if not isinstance(document, dict) or not isinstance(document.get("kid"), str | None):
        return None
    operations = document.get("key_ops")
    verifies = isinstance(operations, list) and "verify" in operations
    if document.get("use", "sig" if verifies else None) != "sig":
        return None
    # Tuples, not sets: what is published may be of any type, a list among them.
    if document.get("kty") not in ("EC", "RSA", "OKP") or document.get("alg") not in (None, *ASYMMETRIC_ALGORITHMS):
        return None
    try:
        key = jwt.PyJWK(document)
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        return None
    return key if key.algorithm_name in ASYMMETRIC_ALGORITHMS else None
