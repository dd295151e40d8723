"""What more than one route shows or reads."""

import unicodedata
from datetime import datetime
from typing import Annotated, Any, Generic, Self, TypeVar

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, StringConstraints

from hub.core.money import Money
from hub.core.person_names import check_person_name, normalize_person_name
from hub.core.phone_numbers import normalize_phone
from hub.sales.bookings import Decline
from routes.web.endpoint_api import ApiModel

T = TypeVar("T")
_NO_TEXT = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})


def _person_name(value: Any) -> Any:
    """What a name cannot hold is refused by `check_person_name`."""
    return normalize_person_name(value) if isinstance(value, str) else value


def _check_line(text: str) -> str:
    """NFC. Raises ValueError for markup, for more than one line, and for what cannot be seen."""
    text = unicodedata.normalize("NFC", text).strip()
    if not text or any(character in "<>" or unicodedata.category(character) in _NO_TEXT for character in text):
        raise ValueError("one line of text without markup")
    return text


def _email(value: str) -> str:
    """An address in the form that mail providers take: lower case, the domain in ASCII (`xn--...`).

    Raises ValueError for one that cannot be delivered to: providers refuse other characters before the @.
    """
    try:
        parts = validate_email(value, check_deliverability=False)
    except EmailNotValidError as error:
        raise ValueError(f"not an e-mail address: {error}") from error
    if not parts.ascii_email:
        raise ValueError("the part before the @ may only have the letters a to z, digits and . _ % + -")
    return parts.ascii_email.lower()


def _upper(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


Phone = Annotated[str, Field(max_length=40, examples=["+447700900123"]), AfterValidator(normalize_phone)]
Email = Annotated[
    str,
    Field(max_length=254, examples=["ada@example.com"], json_schema_extra={"format": "email"}),
    AfterValidator(_email),
]
PersonName = Annotated[
    str,
    StringConstraints(min_length=1, max_length=80),
    BeforeValidator(_person_name),
    AfterValidator(check_person_name),
    Field(description="one line of letters, spaces, hyphens and apostrophes", examples=["Ada"]),
]
PlainName = Annotated[str, StringConstraints(min_length=1, max_length=80), AfterValidator(_check_line)]
"""Of a person or a company on an address, or of a place."""
# The constraints come first: behind a BeforeValidator they would hold, and be missing from the OpenAPI document.
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$"), Field(examples=["EUR"]), BeforeValidator(_upper)]
Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$"), Field(examples=["GB"]), BeforeValidator(_upper)]


class MoneyOut(ApiModel):
    """An amount in minor units, and how to show it."""

    amount: int = Field(examples=[29999])
    currency: str = Field(examples=["USD"])
    display: str = Field(examples=["299.99 USD"])

    @classmethod
    def from_money(cls, money: Money) -> Self:
        return cls(amount=money.amount, currency=money.currency, display=money.display)


class LastFailureOut(ApiModel):
    """Why the last attempt to pay was declined."""

    code: str = Field(description="the provider's code", examples=["card_declined"])
    decline_code: str | None = Field(description="the bank's code, where there is one", examples=["insufficient_funds"])
    message: str = Field(
        description="fit to be shown to the traveler",
        examples=["The card has insufficient funds. Please use another card or payment method."],
    )
    at: datetime

    @classmethod
    def from_decline(cls, decline: Decline | None) -> Self | None:
        if decline is None or decline.at is None:
            return None
        return cls(code=decline.code, decline_code=decline.decline_code, message=decline.message, at=decline.at)


class Page(ApiModel, Generic[T]):
    items: list[T]
    page: int
    page_size: int
    total: int


class PageQuery(ApiModel):
    page: int = Field(default=1, ge=1, le=1_000_000)
    page_size: int = Field(default=20, ge=1, le=100)


class PeriodQuery(PageQuery):
    """A page of what happened in a period. Times have an offset, because a day is another one elsewhere."""

    since: AwareDatetime | None = Field(default=None, description="from this moment on")
    until: AwareDatetime | None = Field(default=None, description="before this moment")
