"""A text that a regular expression matches, the first that its grammar leads to."""

import re
from re import _constants as code  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

_CLASSES = {code.CATEGORY_DIGIT: "0", code.CATEGORY_WORD: "a", code.CATEGORY_SPACE: " ",
            code.CATEGORY_NOT_DIGIT: "a", code.CATEGORY_NOT_WORD: "-", code.CATEGORY_NOT_SPACE: "a"}  # fmt: skip
_PRINTABLE = "aA0 -.,:/_#+@!?()[]{}=*&%$;'\"<>|~^`\\" + "".join(chr(n) for n in range(0x41, 0x7B))
MAX_LENGTH = 1000
"""Repetitions that are written out."""


def build_matching_text(pattern: str) -> str:
    """Falls back to a plain word where the pattern looks around or cannot be read."""
    try:
        found = _walk(parser.parse(pattern), {})
    except (re.error, KeyError, RecursionError):
        return "sandbox"
    return found if re.search(pattern, found) else "sandbox"


def _walk(parts: Any, groups: dict[int, str]) -> str:
    return "".join(_one(op, given, groups) for op, given in parts)


def _one(op: Any, given: Any, groups: dict[int, str]) -> str:
    match op:
        case code.BRANCH:
            found = _walk(given[1][0], groups)
        case code.SUBPATTERN:
            found = groups[given[0]] = _walk(given[3], groups)
        case code.MAX_REPEAT | code.MIN_REPEAT | code.POSSESSIVE_REPEAT:
            times = max(given[0], min(1, given[1]))
            found = "".join(_walk(given[2], groups) for _ in range(min(times, MAX_LENGTH)))
        case code.GROUPREF:
            found = groups[given]
        case _:
            found = _character(op, given)
    return found


def _character(op: Any, given: Any) -> str:
    match op:
        case code.LITERAL:
            return chr(given)
        case code.NOT_LITERAL:
            return next(one for one in _PRINTABLE if ord(one) != given)
        case code.ANY:
            return "a"
        case code.IN:
            return _within(given)
        case _:
            return ""


def _within(given: Any) -> str:
    """One character of a class."""
    if given[0][0] is code.NEGATE:
        return next(one for one in _PRINTABLE if not any(_holds(part, one) for part in given[1:]))
    op, first = given[0]
    match op:
        case code.LITERAL:
            return chr(first)
        case code.RANGE:
            return chr(first[0])
        case _:
            return _CLASSES[first]


def _holds(part: Any, one: str) -> bool:
    op, given = part
    match op:
        case code.LITERAL:
            return bool(ord(one) == given)
        case code.RANGE:
            return bool(given[0] <= ord(one) <= given[1])
        case _:
            return {code.CATEGORY_DIGIT: one.isdigit(), code.CATEGORY_SPACE: one.isspace()}.get(given, one.isalnum())
