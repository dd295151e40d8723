"""What the hub keeps of a traveller."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, TypedDict
from uuid import UUID

from hub.core.money import Money

AddressKind = Literal["home", "work", "billing", "other"]


@dataclass(frozen=True, slots=True)
class Customer:
    """`verified_at` is when the e-mail address was confirmed; `erased_at` when the person was forgotten.

    `payment_customer_id` holds for the payment provider's account and mode in `payment_account` (None: not known).
    `payment_customer_losses` counts the ids before it that the provider did not know any more.
    """

    id: UUID
    email: str
    name: str
    phone: str | None
    created_at: datetime
    payment_customer_id: str | None = None
    payment_account: str | None = None
    payment_customer_losses: int = 0
    verified_at: datetime | None = None
    erased_at: datetime | None = None


class ProfileChange(TypedDict, total=False):
    """What is not given stays as it is."""

    name: str
    phone: str | None


@dataclass(frozen=True, slots=True)
class NewAddress:
    """`country` as ISO 3166-1 alpha-2. The first address is the default one, whatever it says."""

    kind: AddressKind
    name: str
    line1: str
    city: str
    country: str
    line2: str | None = None
    region: str | None = None
    postcode: str | None = None
    phone: str | None = None
    is_default: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Address(NewAddress):
    id: UUID
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Preferences:
    """`language` as BCP 47, `currency` as ISO 4217, `home_airport` as IATA code; `extra` is the frontend's own."""

    language: str | None = None
    currency: str | None = None
    cabin: str | None = None
    home_airport: str | None = None
    seat: str | None = None
    meal: str | None = None
    newsletter: bool = False
    marketing_sms: bool = False
    extra: dict[str, Any] = field(default_factory=dict)
    updated_at: datetime | None = None


class PreferenceChange(TypedDict, total=False):
    """What is not given stays as it is."""

    language: str | None
    currency: str | None
    cabin: str | None
    home_airport: str | None
    seat: str | None
    meal: str | None
    newsletter: bool
    marketing_sms: bool
    extra: dict[str, Any]


@dataclass(frozen=True, slots=True)
class CurrencyTotal:
    """All that was ever taken and given back in one currency."""

    paid: Money
    refunded: Money


@dataclass(frozen=True, slots=True)
class CustomerStats:
    """`bookings_refunded` counts those of the paid bookings whose money has gone back in full."""

    points: int = 0
    bookings_paid: int = 0
    bookings_refunded: int = 0
    last_paid_at: datetime | None = None
    spend: tuple[CurrencyTotal, ...] = ()


@dataclass(frozen=True, slots=True)
class LoyaltyEntry:
    """`points` is negative where they were returned."""

    id: int
    booking_id: UUID
    points: int
    reason: Literal["earned", "returned"]
    at: datetime
