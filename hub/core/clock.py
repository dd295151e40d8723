"""Time, identifiers and chance. Nothing else in the hub reads a clock or rolls a die, so a story can be replayed."""

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol
from uuid import UUID

# No 0/O, 1/I/L, 2/Z, 5/S, 8/B: a reference is read aloud on the telephone.
REFERENCE_ALPHABET = "34679ACDEFGHJKMNPQRTUVWXY"


class Clock(Protocol):
    def now(self) -> datetime:
        """The time, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds from an arbitrary start; never goes back."""
        ...

    async def sleep(self, seconds: float) -> None: ...


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class RandomSource(Protocol):
    """The part of random.Random that the hub uses."""

    def random(self) -> float: ...

    def uniform(self, a: float, b: float) -> float: ...

    def choices(self, population: Sequence[str], *, k: int) -> list[str]: ...

    def getrandbits(self, k: int, /) -> int: ...

    def randbytes(self, n: int) -> bytes: ...


@dataclass(frozen=True, slots=True)
class IdGenerator:
    """Identifiers, from the operating system's randomness unless a seeded source is given."""

    clock: Clock
    rng: RandomSource = field(default_factory=random.SystemRandom)

    def new_uuid(self) -> UUID:
        """A version 7 UUID (RFC 9562): sorted by time, so that indexes grow at one end."""
        millis = int(self.clock.now().timestamp() * 1000) & ((1 << 48) - 1)
        bits = self.rng.getrandbits(74)
        high, low = bits >> 62, bits & ((1 << 62) - 1)
        return UUID(int=millis << 80 | 0x7 << 76 | high << 64 | 0b10 << 62 | low)

    def new_token(self, size: int = 32) -> str:
        """`size` random bytes, in hexadecimal."""
        return self.rng.randbytes(size).hex()

    def new_reference(self) -> str:
        """A booking reference: six unambiguous characters (244 million of them; the caller retries a clash)."""
        return "".join(self.rng.choices(REFERENCE_ALPHABET, k=6))
