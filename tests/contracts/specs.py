"""The vendors' own files, each read once a run. They are not ours to keep: VENDOR_SPECS names their folder."""

import json
import os
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.contracts.recording import Exchange

ABSENT = "VENDOR_SPECS is not set"


class Breach(AssertionError):
    """The wire does not fit the vendor's description."""


@cache
def vendor_file(name: str) -> Any:
    """Skips the test that asks when there is no folder; fails it when the folder lacks the file."""
    folder = os.environ.get("VENDOR_SPECS")
    if not folder:
        pytest.skip(ABSENT)
    return json.loads((Path(folder) / name).read_text(encoding="utf-8"))


class Operations:
    """Finds the vendor's operation behind a request; a path without variables before one with."""

    def __init__(self, paths: dict[str, Any]) -> None:
        ordered = sorted(paths, key=lambda path: path.count("{"))
        self._operations = [(_pattern(path), paths[path]) for path in ordered]

    def of(self, one: Exchange) -> dict[str, Any]:
        for pattern, operations in self._operations:
            if pattern.fullmatch(one.path) and one.method.lower() in operations:
                found: dict[str, Any] = operations[one.method.lower()]
                return found
        raise Breach(f"the vendor has no {one.method} {one.path}")


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\\{[^}]+\\\}", "[^/]+", re.escape(path)))
