"""Passwords: which are let in, and how they are kept."""

import asyncio
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import NamedTuple, TypeVar

import argon2

from hub.core.errors import FieldError, InvalidRequest

T = TypeVar("T")

MIN_PASSWORD_LENGTH = 8
MAX_PASSWORD_LENGTH = 128


def check_password_strength(
    password: str, *, email: str = "", min_length: int = MIN_PASSWORD_LENGTH, pointer: str = "/password"
) -> None:
    """Length and a list of the world's most common ones; no rules of composition.

    Raises InvalidRequest `weak_password`.
    """
    why = _weakness(password, email, min_length)
    if why is not None:
        raise InvalidRequest(code="weak_password", errors=(FieldError(pointer, "weak_password", why),))


def _weakness(password: str, email: str, shortest: int) -> str | None:
    lowered = password.lower()
    if len(password) < shortest:
        return f"at least {shortest} characters"
    if lowered in _common() or len(set(lowered)) < 4:  # noqa: PLR2004
        return "not one of the common ones, which are tried first"
    if email and lowered in {email.lower(), email.lower().partition("@")[0]}:
        return "not your e-mail address"
    return None


@cache
def _common() -> frozenset[str]:
    """30,000 of them, in the order of leaks, from zxcvbn; what is too short anyway is left out."""
    from zxcvbn.frequency_lists import FREQUENCY_LISTS

    return frozenset(one for one in FREQUENCY_LISTS["passwords"] if len(one) >= MIN_PASSWORD_LENGTH)


@cache
def _nobody(hasher: "_Costs") -> str:
    """What an unknown account's password is compared with: made once, for it takes as long as any other."""
    return hasher.made().hash(secrets.token_hex(16))


class _Costs(NamedTuple):
    time: int
    memory: int

    def made(self) -> argon2.PasswordHasher:
        return argon2.PasswordHasher(time_cost=self.time, memory_cost=self.memory, parallelism=1)


class PasswordHasher:
    """argon2id in threads of its own: eight hashes at once on the loop would stall it for a second.

    `time_cost` and `memory_cost` (KiB) as OWASP advises; a hash takes 20 ms.
    """

    def __init__(self, threads: int = 2, *, time_cost: int = 2, memory_cost: int = 19 * 1024) -> None:
        costs = _Costs(time_cost, memory_cost)
        self._hasher = costs.made()
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="argon2")
        self._nobody = _nobody(costs)

    async def hash_password(self, password: str) -> str:
        return await self._apart(self._hasher.hash, password)

    async def verify_password(self, stored: str | None, password: str) -> bool:
        """Takes as long for an unknown account (stored=None) as for a wrong password."""
        return await self._apart(self._verify, stored, password)

    def needs_rehash(self, stored: str) -> bool:
        return self._hasher.check_needs_rehash(stored)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _apart(self, work: Callable[..., T], *args: str | None) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *args)

    def _verify(self, stored: str | None, password: str) -> bool:
        try:
            return self._hasher.verify(stored or self._nobody, password) and stored is not None
        except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
            return False
