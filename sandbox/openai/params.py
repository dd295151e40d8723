"""The reading of a JSON body, every part of which must be known and of its type. Every reader raises Refused."""

import json
from collections.abc import Collection
from typing import Any

from sandbox.openai.errors import (
    OpenAIApiError,
    make_invalid_request,
    make_missing_param,
    make_wrong_type,
    make_wrong_value,
)


def parse_json(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise OpenAIApiError(
            400,
            "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your HTTP "
            "library correctly. The OpenAI API expects a JSON payload, but what was sent was not valid JSON.)",
        ) from None
    if not isinstance(found, dict):
        raise make_wrong_type("body", "an object", found)
    return found


class RequestParams:
    def __init__(self, raw: dict[str, Any], within: str = "") -> None:
        self.raw = raw
        self._within = within

    def param_path(self, name: str) -> str:
        return f"{self._within}.{name}" if self._within else name

    def reject_unknown(self, known: Collection[str]) -> None:
        """Refuses a name that is none of `known`."""
        for name in self.raw:
            if name not in known:
                param = self.param_path(name)[:100]
                raise make_invalid_request(f"Unknown parameter: '{param}'.", param, "unknown_parameter")

    def read_text(self, name: str) -> str | None:
        found: str | None = self._of(name, str, "a string")
        return found

    def require_text(self, name: str) -> str:
        found = self.read_text(name)
        if found is None:
            raise make_missing_param(self.param_path(name))
        return found

    def read_flag(self, name: str, usual: bool = False) -> bool:
        found = self._of(name, bool, "a boolean")
        return usual if found is None else bool(found)

    def read_integer(self, name: str, least: int) -> int | None:
        found = self.raw.get(name)
        if found is None:
            return None
        if not isinstance(found, int) or isinstance(found, bool):
            raise make_wrong_type(self.param_path(name), "an integer", found)
        if found < least:
            raise make_invalid_request(
                f"Invalid '{self.param_path(name)}': integer below minimum value. Expected a value >= {least}, but got "
                f"{found} instead.",
                self.param_path(name),
                "integer_below_min_value",
            )
        return found

    def read_number(self, name: str, most: float) -> float | None:
        """From 0 to `most`."""
        found = self.raw.get(name)
        if found is None:
            return None
        if not isinstance(found, int | float) or isinstance(found, bool):
            raise make_wrong_type(self.param_path(name), "a decimal number", found)
        if not 0 <= found <= most:
            side, word = ("below minimum", ">=") if found < 0 else ("above maximum", "<=")
            bound = 0 if found < 0 else most
            raise make_invalid_request(
                f"Invalid '{self.param_path(name)}': decimal {side} value. "
                f"Expected a value {word} {bound}, but got {found} instead.",
                self.param_path(name),
                f"decimal_{side.replace(' ', '_')[:9]}_value",
            )
        return found

    def read_choice(self, name: str, options: tuple[str, ...]) -> str | None:
        found = self.read_text(name)
        if found is not None and found not in options:
            raise make_wrong_value(self.param_path(name), found, options)
        return found

    def read_group(self, name: str) -> "RequestParams | None":
        found = self._of(name, dict, "an object")
        return None if found is None else RequestParams(found, self.param_path(name))

    def read_list(self, name: str) -> list[Any] | None:
        found: list[Any] | None = self._of(name, list, "an array")
        return found

    def read_metadata(self) -> dict[str, str] | None:
        """Sixteen keys of 64 characters, with texts of 512."""
        found = self.read_group("metadata")
        if found is None:
            return None
        for name in found.raw:
            if len(found.require_text(name)) > 512 or len(name) > 64:
                raise make_invalid_request(
                    f"Invalid 'metadata': '{name[:64]}' is too long.", "metadata", "string_above_max_length"
                )
        if len(found.raw) > 16:
            raise make_invalid_request(
                "Invalid 'metadata': too many properties.", "metadata", "object_above_max_properties"
            )
        return found.raw

    def _of(self, name: str, kind: type, wanted: str) -> Any:
        found = self.raw.get(name)
        if found is not None and not isinstance(found, kind):
            raise make_wrong_type(self.param_path(name), wanted, found)
        return found
