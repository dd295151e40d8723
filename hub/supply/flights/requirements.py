"""What a supplier asks of an order, known before money is held. Independent of the supplier; pure data.

Patterns are regular expressions that Python and JavaScript read alike, so that a form can check what the hub checks.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import TypeAdapter

from hub.core.countries import NATIONALITIES

_LATIN = r"A-Za-z\u00C0-\u00D6\u00D8-\u00F6\u00F8-\u024F\u1E00-\u1EFF"
LATIN_NAME_PATTERN = rf"^[{_LATIN}][{_LATIN} '-]*$"
DOCUMENT_NUMBER_PATTERN = r"^[A-Za-z0-9]{1,20}$"

DocumentNeed = Literal["none", "optional", "required"]


@dataclass(frozen=True, slots=True)
class ContactRules:
    """Digits of the telephone number, the country code included."""

    phone_required: bool = True
    phone_min_digits: int = 8
    phone_max_digits: int = 15


@dataclass(frozen=True, slots=True)
class NameRules:
    """`characters` says in words what `pattern` allows. A mononym is a family name without a given name."""

    pattern: str = LATIN_NAME_PATTERN
    characters: str = "Latin letters, spaces, hyphens and apostrophes, as in the passport"
    max_length: int = 60
    mononym_allowed: bool = True


@dataclass(frozen=True, slots=True)
class DocumentRules:
    """Passport or identity card. It must be valid on the day of the last landing."""

    need: DocumentNeed = "optional"
    number_pattern: str = DOCUMENT_NUMBER_PATTERN
    number_max_length: int = 20


@dataclass(frozen=True, slots=True)
class AgeRules:
    """In whole years. `child_from` and `adult_from` count on the local day of each landing.

    Somebody in the party must be `alone_from` or older on the day of departure; None where nobody has to be.
    """

    child_from: int = 2
    adult_from: int = 12
    alone_from: int | None = None


@dataclass(frozen=True, slots=True)
class Requirements:
    """The rules for one offer. The defaults are what suppliers have in common."""

    contact: ContactRules = field(default_factory=ContactRules)
    names: NameRules = field(default_factory=NameRules)
    document: DocumentRules = field(default_factory=DocumentRules)
    ages: AgeRules = field(default_factory=AgeRules)
    accepted_nationalities: tuple[str, ...] | None = None
    """None: all of `NATIONALITIES`."""

    @property
    def nationalities(self) -> frozenset[str]:
        """ISO 3166-1 alpha-2, and XK."""
        return NATIONALITIES if self.accepted_nationalities is None else frozenset(self.accepted_nationalities)


_ADAPTER: TypeAdapter[Requirements] = TypeAdapter(Requirements)


def requirements_to_json(requirements: Requirements) -> dict[str, Any]:
    dumped: dict[str, Any] = _ADAPTER.dump_python(requirements, mode="json")
    return dumped


def requirements_from_json(stored: dict[str, Any]) -> Requirements:
    return _ADAPTER.validate_python(stored)
