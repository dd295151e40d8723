"""Settings as an operator writes them: variables that are misspelled, and errors that name the variable."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from dotenv import dotenv_values
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from hub.core.errors import HubError
from hub.settings.sections import SettingsSection

_ALIKE = 0.8
"""Of difflib: 1 is the same word."""
_TOOLS = re.compile(r"HUB_(TEST_\w+|TORTURE|STAFF_PASSWORD)|\w+_SERVICE_(HOST|PORT)(_\w+)?|\w+_PORT_\d+_\w+")
"""Variables of the test suite and the CLI, and those that Kubernetes sets for each service."""


class SettingsError(HubError):
    """The hub is configured in a way that cannot work."""

    code = "settings_invalid"


@dataclass(frozen=True, slots=True)
class UnknownVariable:
    """A variable that the hub does not read; `suggestion` is the setting that it resembles."""

    name: str
    suggestion: str

    @property
    def is_hub_variable(self) -> bool:
        """Whether nobody but this hub can be meant. Other prefixes belong to the vendors' own tools too."""
        return self.name.startswith("HUB_")

    def __str__(self) -> str:
        return f"{self.name} is not a setting; did you mean {self.suggestion}?"


def list_variables(root: type[SettingsSection]) -> dict[str, FieldInfo]:
    """Every setting of a tree of sections, by the name of its environment variable."""
    return {name: field for section in _sections(root) for name, field in _fields(section)}


def _sections(root: type[SettingsSection]) -> Iterator[type[SettingsSection]]:
    yield root
    for field in root.model_fields.values():
        if isinstance(field.annotation, type) and issubclass(field.annotation, SettingsSection):
            yield field.annotation


def _fields(section: type[SettingsSection]) -> Iterator[tuple[str, FieldInfo]]:
    prefix = str(section.model_config.get("env_prefix", ""))
    for name, field in section.model_fields.items():
        if not (isinstance(field.annotation, type) and issubclass(field.annotation, SettingsSection)):
            yield str(field.validation_alias or f"{prefix}{name}".upper()), field


def find_unknown_variables(
    known: Iterable[str], environment: Mapping[str, str], env_file: Path
) -> list[UnknownVariable]:
    """Variables of the environment and of the .env file that resemble a setting and are none."""
    names, candidates = {*environment, *_names_in(env_file)}, sorted(known)
    beginnings = {name.partition("_")[0] for name in candidates}
    unknown = []
    for name in sorted(names - set(candidates)):
        if _TOOLS.fullmatch(name) or not _may_be_ours(name, beginnings):
            continue
        matches = get_close_matches(name, candidates, n=1, cutoff=_ALIKE)
        if matches:
            unknown.append(UnknownVariable(name, matches[0]))
    return unknown


def _may_be_ours(name: str, beginnings: Iterable[str]) -> bool:
    """By the word before the first underscore: a cheap look before the costly comparison."""
    word = name.partition("_")[0]
    return word in beginnings or bool(get_close_matches(word, beginnings, n=1, cutoff=_ALIKE))


def _names_in(env_file: Path) -> set[str]:
    try:
        return set(dotenv_values(env_file, interpolate=False)) if env_file.is_file() else set()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{env_file} cannot be read: {error}") from error


def format_validation_error(error: ValidationError, root: type[SettingsSection]) -> list[str]:
    """A line for each fault, beginning with the variable where there is one. Values are never repeated."""
    section = next((kind for kind in _sections(root) if kind.__name__ == error.title), None)
    return [
        _line(section, fault["loc"], fault["msg"].removeprefix("Value error, "))
        for fault in error.errors(include_url=False, include_input=False, include_context=False)
    ]


def _line(section: type[SettingsSection] | None, location: tuple[int | str, ...], message: str) -> str:
    if not location:
        return message
    name = str(location[0])
    if section is not None and name in section.model_fields:
        prefix = str(section.model_config.get("env_prefix", ""))
        name = str(section.model_fields[name].validation_alias or f"{prefix}{name}".upper())
    rest = ".".join(str(part) for part in location[1:])
    return f"{name}{f' ({rest})' if rest else ''}: {message[:1].lower()}{message[1:]}"
