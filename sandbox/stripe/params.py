"""Stripe's form encoding (`a[b][0]=c`) and the reading of parameters, every one of which must be known."""

import re
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from sandbox.stripe.errors import Refused, invalid, missing_param, unknown_params

_PART = re.compile(r"\[([^\[\]]*)\]")
DEEPEST = 10
"""Levels of brackets; nothing of Stripe's is deeper."""
_KEY = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")


def decode(text: str) -> dict[str, Any]:
    """A form as nested dictionaries; lists are dictionaries keyed `0`, `1`… Raises Refused."""
    tree: dict[str, Any] = {}
    for key, value in parse_qsl(text, keep_blank_values=True):
        found = _KEY.fullmatch(key)
        if found is None or found[2].count("[") > DEEPEST:
            raise invalid(f"Invalid parameter name: {key[:100]}", key[:100])
        _put(tree, [found[1], *_PART.findall(found[2])], value, key)
    return tree


def _put(tree: dict[str, Any], path: list[str], value: str, key: str) -> None:
    *way, last = path
    for step in way:
        inner = tree.setdefault(step or str(len(tree)), {})
        if not isinstance(inner, dict):
            raise invalid(f"Invalid parameter: {key[:100]}", key[:100])
        tree = inner
    tree[last or str(len(tree))] = value


class Params:
    """Reads parameters by name; `finish` refuses those nobody asked for. Every reader raises Refused."""

    def __init__(self, raw: dict[str, Any], within: str = "") -> None:
        self.raw = raw
        self._within = within
        self._known: set[str] = set()
        self._ignored: set[str] = set()
        self._groups: list[Params] = []

    def path(self, name: str) -> str:
        return f"{self._within}[{name}]" if self._within else name

    def __contains__(self, name: str) -> bool:
        return name in self.raw

    def accept(self, *names: str) -> None:
        """Parameters that are taken and change nothing here, which `ignored` tells."""
        self._known.update(names)
        self._ignored.update(names)

    def refuse(self, *names: str) -> None:
        """Parameters that move money and are not played. Raises Refused for one that asks for something."""
        for name in names:
            if _asks_for_something(self._take(name)):
                raise invalid(f"The sandbox does not play the parameter {self.path(name)}.", self.path(name))

    def ignored(self) -> list[str]:
        """The paths of what was sent and changes nothing here, those of nested hashes included."""
        own = [self.path(name) for name in self.raw if name in self._ignored]
        return own + [path for group in self._groups for path in group.ignored()]

    def finish(self) -> None:
        unknown = [self.path(name) for name in self.raw if name not in self._known]
        if unknown:
            raise unknown_params(unknown)
        for group in self._groups:
            group.finish()

    def text(self, name: str, most: int = 5000) -> str | None:
        """None when absent or empty (Stripe's way to unset)."""
        value = self._take(name)
        if value is None:
            return None
        if isinstance(value, dict):
            raise invalid(f"Invalid string: {value}", self.path(name))
        if len(value) > most:
            message = f"Invalid string: must be at most {most} characters"
            raise invalid(message, self.path(name), "parameter_invalid_string_length")
        return str(value) or None

    def need(self, name: str) -> str:
        value = self.text(name)
        if value is None and name in self.raw:
            raise invalid(
                f"You passed an empty string for '{self.path(name)}'. We assume empty values are an attempt to unset a "
                f"parameter; however '{self.path(name)}' cannot be unset.",
                self.path(name),
                "parameter_invalid_empty",
            )
        if value is None:
            raise missing_param(self.path(name))
        return value

    def choice(self, name: str, options: tuple[str, ...]) -> str | None:
        value = self.text(name)
        if value is not None and value not in options:
            raise invalid(f"Invalid {self.path(name)}: must be one of {', '.join(options)}", self.path(name))
        return value

    def integer(self, name: str, least: int = 0, most: int | None = None) -> int | None:
        value = self.text(name)
        if value is None:
            return None
        if not re.fullmatch(r"-?[0-9]{1,18}", value):
            raise invalid(f"Invalid integer: {value[:100]}", self.path(name), "parameter_invalid_integer")
        number = int(value)
        if number < least or (most is not None and number > most):
            bound = f"greater than or equal to {least}" if number < least else f"less than or equal to {most}"
            raise invalid(f"This value must be {bound}.", self.path(name), "parameter_invalid_integer")
        return number

    def boolean(self, name: str) -> bool:
        value = self.text(name)
        if value not in {None, "true", "false"}:
            raise invalid(f"Invalid boolean: {value}", self.path(name))
        return value == "true"

    def url(self, name: str) -> str | None:
        value = self.text(name)
        if value is not None and not _is_url(value):
            raise invalid("Not a valid URL", self.path(name), "url_invalid")
        return value

    def texts(self, name: str) -> list[str]:
        value = self._take(name)
        found = list(value.values()) if isinstance(value, dict) else []
        if value not in {None, ""} if isinstance(value, str | None) else not all(isinstance(v, str) for v in found):
            raise invalid("Invalid array", self.path(name))
        return found

    def group(self, name: str) -> "Params | None":
        """A nested hash, whose own unknown names are refused too."""
        value = self._take(name)
        if value is None or value == "":
            return None
        if not isinstance(value, dict):
            raise invalid("Invalid object", self.path(name))
        group = Params(value, self.path(name))
        self._groups.append(group)
        return group

    def groups(self, name: str) -> "list[Params]":
        outer = self.group(name)
        return [] if outer is None else [found for key in outer.raw if (found := outer.group(key)) is not None]

    def metadata(self, before: dict[str, str] | None = None, name: str = "metadata") -> dict[str, str]:
        """What was there with what came: an empty value removes a key, an empty hash removes all."""
        value = self._take(name)
        if value is None:
            return dict(before or {})
        if value == "":
            return {}
        if not isinstance(value, dict) or not all(isinstance(one, str) for one in value.values()):
            raise invalid("Invalid hash", self.path(name))
        merged = {key: text for key, text in {**(before or {}), **value}.items() if text != ""}
        if len(merged) > 50 or any(len(key) > 40 or len(text) > 500 for key, text in merged.items()):
            raise invalid("Metadata takes 50 keys of 40 characters with values of 500 characters.", self.path(name))
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


__all__ = ["Params", "Refused", "decode"]
