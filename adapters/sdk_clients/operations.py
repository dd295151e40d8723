"""Naming what an SDK asks for, from method and path, with every id left out."""

import re
from urllib.parse import urlsplit

_VERSION = re.compile(r"v\d+|\d{4}-\d\d-\d\d")
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")
WORD = re.compile(r"[a-z][a-z_]{0,39}")
"""A path segment that is the API's own. Anything else is an id, an address or a telephone number."""
CAMEL_WORD = re.compile(r"(?:[A-Z][a-z]+)+")
"""The same at Twilio, whose ids always have digits."""
_MOST_WORDS = 5

_ON_ONE = {"GET": "retrieve", "POST": "update", "PATCH": "update", "PUT": "update", "DELETE": "delete"}
_ON_ALL = {"GET": "list", "POST": "create", "PATCH": "update", "PUT": "update", "DELETE": "delete"}


def name_operation(method: str, path: str, word: re.Pattern[str] = WORD) -> str:
    """`payment_intents.capture` for POST …/v1/payment_intents/pi_123/capture.

    `path` may begin with anything up to the API's version; without a version, all of it counts.
    """
    segments = _after_version([part.removesuffix(".json") for part in urlsplit(path).path.split("/") if part])
    names = [_snake(part) for part in segments if word.fullmatch(part)][:_MOST_WORDS]
    verb = _verb(method.upper(), [bool(word.fullmatch(part)) for part in segments])
    return ".".join([*names, verb] if verb else names) or "root"


def _after_version(segments: list[str]) -> list[str]:
    versions = [number for number, part in enumerate(segments) if _VERSION.fullmatch(part)]
    return segments[versions[0] + 1 :] if versions else segments


def _verb(method: str, words: list[bool]) -> str | None:
    if not words or not words[-1]:
        return _ON_ONE.get(method, method.lower())
    if not all(words) and method == "POST":
        return None  # the last word is the act itself: …/pi_123/capture
    return _ON_ALL.get(method, method.lower())


def _snake(word: str) -> str:
    return _HUMP.sub("_", word).lower()
