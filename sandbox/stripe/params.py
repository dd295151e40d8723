"""Stripe's form encoding (`a[b][0]=c`) and the reading of parameters, every one of which must be known."""

import re
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from sandbox.stripe.errors import StripeApiError, make_invalid, make_missing_param, make_unknown_params

_PART = re.compile(r"\[([^\[\]]*)\]")
MAX_DEPTH = 10
"""Levels of brackets; nothing of Stripe's is deeper."""
_KEY = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")


def parse_form(text: str) -> dict[str, Any]:
    """A form as nested dictionaries; lists are dictionaries keyed `0`, `1`… Raises Refused."""
    tree: dict[str, Any] = {}
    for key, value in parse_qsl(text, keep_blank_values=True):
        found = _KEY.fullmatch(key)
        if found is None or found[2].count("[") > MAX_DEPTH:
            raise make_invalid(f"Invalid parameter name: {key[:100]}", key[:100])
        _put(tree, [found[1], *_PART.findall(found[2])], value, key)
    return tree


def _put(tree: dict[str, Any], path: list[str], value: str, key: str) -> None:
    *way, last = path
    for step in way:
        inner = tree.setdefault(step or str(len(tree)), {})
        if not isinstance(inner, dict):
            raise make_invalid(f"Invalid parameter: {key[:100]}", key[:100])
        tree = inner
    tree[last or str(len(tree))] = value


class RequestParams:
    """Reads parameters by name; `reject_unread` refuses those nobody asked for. Every reader raises Refused."""

    def __init__(self, raw: dict[str, Any], within: str = "") -> None:
        self.raw = raw
        self._within = within
        self._known: set[str] = set()
        self._ignored: set[str] = set()
        self._groups: list[RequestParams] = []

    def param_path(self, name: str) -> str:
        return f"{self._within}[{name}]" if self._within else name

    def __contains__(self, name: str) -> bool:
        return name in self.raw

    def ignore_params(self, *names: str) -> None:
        """Parameters that are taken and change nothing here, which `list_ignored_params` tells."""
        self._known.update(names)
        self._ignored.update(names)

    def refuse_params(self, *names: str) -> None:
        """Parameters that move money and are not played. Raises Refused for one that asks for something."""
        for name in names:
            if _asks_for_something(self._take(name)):
                raise make_invalid(
                    f"The sandbox does not play the parameter {self.param_path(name)}.", self.param_path(name)
                )

    def list_ignored_params(self) -> list[str]:
        """The paths of what was sent and changes nothing here, those of nested hashes included."""
        own = [self.param_path(name) for name in self.raw if name in self._ignored]
        return own + [path for group in self._groups for path in group.list_ignored_params()]

    def reject_unread(self) -> None:
        unknown = [self.param_path(name) for name in self.raw if name not in self._known]
        if unknown:
            raise make_unknown_params(unknown)
        for group in self._groups:
            group.reject_unread()

    def read_text(self, name: str, most: int = 5000) -> str | None:
        """None when absent or empty (Stripe's way to unset)."""
        value = self._take(name)
        if value is None:
            return None
        if isinstance(value, dict):
            raise make_invalid(f"Invalid string: {value}", self.param_path(name))
        if len(value) > most:
            message = f"Invalid string: must be at most {most} characters"
            raise make_invalid(message, self.param_path(name), "parameter_invalid_string_length")
        return str(value) or None

    def require_text(self, name: str) -> str:
        value = self.read_text(name)
        if value is None and name in self.raw:
            raise make_invalid(
                f"You passed an empty string for '{self.param_path(name)}'. "
                "We assume empty values are an attempt to unset a parameter; however "
                f"'{self.param_path(name)}' cannot be unset.",
                self.param_path(name),
                "parameter_invalid_empty",
            )
        if value is None:
            raise make_missing_param(self.param_path(name))
        return value

    def read_choice(self, name: str, options: tuple[str, ...]) -> str | None:
        value = self.read_text(name)
        if value is not None and value not in options:
            raise make_invalid(
                f"Invalid {self.param_path(name)}: must be one of {', '.join(options)}", self.param_path(name)
            )
        return value

    def read_integer(self, name: str, least: int = 0, most: int | None = None) -> int | None:
        value = self.read_text(name)
        if value is None:
            return None
        if not re.fullmatch(r"-?[0-9]{1,18}", value):
            raise make_invalid(f"Invalid integer: {value[:100]}", self.param_path(name), "parameter_invalid_integer")
        number = int(value)
        if number < least or (most is not None and number > most):
            bound = f"greater than or equal to {least}" if number < least else f"less than or equal to {most}"
            raise make_invalid(f"This value must be {bound}.", self.param_path(name), "parameter_invalid_integer")
        return number

    def read_boolean(self, name: str) -> bool:
        value = self.read_text(name)
        if value not in {None, "true", "false"}:
            raise make_invalid(f"Invalid boolean: {value}", self.param_path(name))
        return value == "true"

    def read_url(self, name: str) -> str | None:
        value = self.read_text(name)
        if value is not None and not _is_url(value):
            raise make_invalid("Not a valid URL", self.param_path(name), "url_invalid")
        return value

    def read_texts(self, name: str) -> list[str]:
        value = self._take(name)
        found = list(value.values()) if isinstance(value, dict) else []
        if value not in {None, ""} if isinstance(value, str | None) else not all(isinstance(v, str) for v in found):
            raise make_invalid("Invalid array", self.param_path(name))
        return found

    def read_group(self, name: str) -> "RequestParams | None":
        """A nested hash, whose own unknown names are refused too."""
        value = self._take(name)
        if value is None or value == "":
            return None
        if not isinstance(value, dict):
            raise make_invalid("Invalid object", self.param_path(name))
        group = RequestParams(value, self.param_path(name))
        self._groups.append(group)
        return group

    def read_groups(self, name: str) -> "list[RequestParams]":
        outer = self.read_group(name)
        return [] if outer is None else [found for key in outer.raw if (found := outer.read_group(key)) is not None]

    def read_metadata(self, before: dict[str, str] | None = None, name: str = "metadata") -> dict[str, str]:
        """What was there with what came: an empty value removes a key, an empty hash removes all."""
        value = self._take(name)
        if value is None:
            return dict(before or {})
        if value == "":
            return {}
        if not isinstance(value, dict) or not all(isinstance(one, str) for one in value.values()):
            raise make_invalid("Invalid hash", self.param_path(name))
        merged = {key: text for key, text in {**(before or {}), **value}.items() if text != ""}
        if len(merged) > 50 or any(len(key) > 40 or len(text) > 500 for key, text in merged.items()):
            raise make_invalid(
                "Metadata takes 50 keys of 40 characters with values of 500 characters.", self.param_path(name)
            )
        return merged

    def _take(self, name: str) -> Any:
        self._known.add(name)
        return self.raw.get(name)


def _asks_for_something(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_asks_for_something, value.values()))
    return value not in {None, "", "false"}


def _is_url(value: str) -> bool:
    """Absolute http(s), so that no page of ours ever sends a browser to a script."""
    try:
        parts = urlsplit(value)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.netloc)


__all__ = ["RequestParams", "StripeApiError", "parse_form"]
