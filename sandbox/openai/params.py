"""The reading of a JSON body, every part of which must be known and of its type. Every reader raises Refused."""

import json
from collections.abc import Collection
from typing import Any

from sandbox.openai.errors import Refused, invalid, missing, wrong_type, wrong_value


def decode(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise Refused(
            400,
            "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your HTTP "
            "library correctly. The OpenAI API expects a JSON payload, but what was sent was not valid JSON.)",
        ) from None
    if not isinstance(found, dict):
        raise wrong_type("body", "an object", found)
    return found


class Params:
    def __init__(self, raw: dict[str, Any], within: str = "") -> None:
        self.raw = raw
        self._within = within

    def path(self, name: str) -> str:
        return f"{self._within}.{name}" if self._within else name

    def only(self, known: Collection[str]) -> None:
        """Refuses a name that is none of `known`."""
        for name in self.raw:
            if name not in known:
                param = self.path(name)[:100]
                raise invalid(f"Unknown parameter: '{param}'.", param, "unknown_parameter")

    def text(self, name: str) -> str | None:
        found: str | None = self._of(name, str, "a string")
        return found

    def need(self, name: str) -> str:
        found = self.text(name)
        if found is None:
            raise missing(self.path(name))
        return found

    def flag(self, name: str, usual: bool = False) -> bool:
        found = self._of(name, bool, "a boolean")
        return usual if found is None else bool(found)

    def integer(self, name: str, least: int) -> int | None:
        found = self.raw.get(name)
        if found is None:
            return None
        if not isinstance(found, int) or isinstance(found, bool):
            raise wrong_type(self.path(name), "an integer", found)
        if found < least:
            raise invalid(
                f"Invalid '{self.path(name)}': integer below minimum value. Expected a value >= {least}, but got "
                f"{found} instead.",
                self.path(name),
                "integer_below_min_value",
            )
        return found

    def number(self, name: str, most: float) -> float | None:
        """From 0 to `most`."""
        found = self.raw.get(name)
        if found is None:
            return None
        if not isinstance(found, int | float) or isinstance(found, bool):
            raise wrong_type(self.path(name), "a decimal number", found)
        if not 0 <= found <= most:
            side, word = ("below minimum", ">=") if found < 0 else ("above maximum", "<=")
            bound = 0 if found < 0 else most
            raise invalid(
                f"Invalid '{self.path(name)}': decimal {side} value. Expected a value {word} {bound}, but got {found} "
                "instead.",
                self.path(name),
                f"decimal_{side.replace(' ', '_')[:9]}_value",
            )
        return found

    def choice(self, name: str, options: tuple[str, ...]) -> str | None:
        found = self.text(name)
        if found is not None and found not in options:
            raise wrong_value(self.path(name), found, options)
        return found

    def group(self, name: str) -> "Params | None":
        found = self._of(name, dict, "an object")
        return None if found is None else Params(found, self.path(name))

    def listed(self, name: str) -> list[Any] | None:
        found: list[Any] | None = self._of(name, list, "an array")
        return found

    def metadata(self) -> dict[str, str] | None:
        """Sixteen keys of 64 characters, with texts of 512."""
        found = self.group("metadata")
        if found is None:
            return None
        for name in found.raw:
            if len(found.need(name)) > 512 or len(name) > 64:
                raise invalid(f"Invalid 'metadata': '{name[:64]}' is too long.", "metadata", "string_above_max_length")
        if len(found.raw) > 16:
            raise invalid("Invalid 'metadata': too many properties.", "metadata", "object_above_max_properties")
        return found.raw

    def _of(self, name: str, kind: type, wanted: str) -> Any:
        found = self.raw.get(name)
        if found is not None and not isinstance(found, kind):
            raise wrong_type(self.path(name), wanted, found)
        return found
