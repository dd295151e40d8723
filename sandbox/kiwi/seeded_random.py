"""Chance that repeats: everything believable is rolled from a hash of what it is about, never from a shared state."""

import random
from hashlib import blake2b


def hash_parts(*parts: object) -> str:
    """32 hexadecimal digits that depend on the parts alone."""
    return blake2b("\x1f".join(map(str, parts)).encode(), digest_size=16).hexdigest()


def draw_number(*parts: object) -> int:
    """A whole number below 2**64 that depends on the parts alone."""
    return int.from_bytes(blake2b("\x1f".join(map(str, parts)).encode(), digest_size=8).digest())


def seeded_random(*parts: object) -> random.Random:
    return random.Random(draw_number(*parts))
