"""What more than one route shows or reads."""

import re
from datetime import datetime
from typing import Annotated, Any, Generic, Self, TypeVar

from pydantic import AfterValidator, BeforeValidator, EmailStr, Field, StringConstraints

from hub.bookings import Decline
from hub.core.money import Money
from routes.request import ApiModel

T = TypeVar("T")


def _phone(text: str) -> str:
    digits = re.sub(r"[\s().-]", "", text)
    digits = f"+{digits[2:]}" if digits.startswith("00") else digits
    if not re.fullmatch(r"\+[1-9]\d{6,14}", digits, re.ASCII):
        raise ValueError("a telephone number with its country code, such as +447700900123")
    return digits


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _upper(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


Phone = Annotated[str, Field(max_length=40, examples=["+447700900123"]), AfterValidator(_phone)]
Email = Annotated[EmailStr, Field(max_length=254, examples=["ada@example.com"]), AfterValidator(_lower)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=80)]
Currency = Annotated[str, BeforeValidator(_upper), StringConstraints(pattern=r"^[A-Z]{3}$")]
Country = Annotated[str, BeforeValidator(_upper), StringConstraints(pattern=r"^[A-Z]{2}$")]


class MoneyOut(ApiModel):
    """An amount in minor units, and how to show it."""

    amount: int = Field(examples=[29999])
    currency: str = Field(examples=["USD"])
    display: str = Field(examples=["299.99 USD"])

    @classmethod
    def of(cls, money: Money) -> Self:
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
    def of(cls, decline: Decline | None) -> Self | None:
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
