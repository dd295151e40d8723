import json
from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, Field, JsonValue, StringConstraints

from hub.core.errors import NotFound
from hub.core.money import CURRENCIES
from hub.people.customers import Address, Customer, Customers, CustomerStats, LoyaltyEntry, NewAddress, Preferences
from hub.people.identity import Caller
from hub.supply.flights import Cabin
from routes.web.endpoint_api import OWN_DATA, ApiModel, Call, delete, get, post, put
from routes.web.schemas import Country, Currency, MoneyOut, Page, PageQuery, PersonName, Phone, PlainName

TAGS = ("customers",)
_EXTRA_LIMIT = 4096


def _upper(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


def _known_currency(code: str) -> str:
    if code not in CURRENCIES:
        raise ValueError("a currency of ISO 4217, such as EUR")
    return code


def _small(value: dict[str, Any]) -> dict[str, Any]:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    if len(text.encode(errors="surrogatepass")) > _EXTRA_LIMIT:
        raise ValueError(f"at most {_EXTRA_LIMIT} bytes of JSON")
    return value


AddressLine = Annotated[str, StringConstraints(min_length=1, max_length=120)]
Postcode = Annotated[str, StringConstraints(min_length=1, max_length=16)]
LanguageTag = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}(-[A-Z]{2})?$"), Field(examples=["en-GB"])]
HomeAirportCode = Annotated[
    str, StringConstraints(pattern=r"^[A-Z]{3}$"), Field(examples=["LHR"]), BeforeValidator(_upper)
]
AddressKind = Literal["home", "work", "billing", "other"]


class ProfileIn(ApiModel):
    """What is left out stays as it is; a telephone number of null is removed."""

    name: PersonName | None = None
    phone: Phone | None = None


class ProfileOut(ApiModel):
    id: UUID
    email: str
    verified: bool = Field(description="whether the e-mail address has been confirmed")
    name: str
    phone: str | None
    created_at: datetime

    @classmethod
    def from_domain(cls, customer: Customer) -> Self:
        same = ("id", "email", "name", "phone", "created_at")
        return cls(verified=customer.verified_at is not None, **{name: getattr(customer, name) for name in same})


class AddressIn(ApiModel):
    kind: AddressKind = "home"
    name: PlainName
    line1: AddressLine
    line2: AddressLine | None = None
    city: PlainName
    region: PlainName | None = None
    postcode: Postcode | None = None
    country: Country
    phone: Phone | None = None
    is_default: bool = Field(default=False, description="the first one is the default in any case")

    def to_domain(self) -> NewAddress:
        return NewAddress(**self.model_dump())


class AddressOut(ApiModel):
    id: UUID
    kind: AddressKind
    name: str
    line1: str
    line2: str | None
    city: str
    region: str | None
    postcode: str | None
    country: str
    phone: str | None
    is_default: bool
    created_at: datetime
    updated_at: datetime

    @classmethod
    def from_domain(cls, address: Address) -> Self:
        return cls(**{name: getattr(address, name) for name in cls.model_fields})


class AddressesOut(ApiModel):
    items: list[AddressOut]


class PreferencesIn(ApiModel):
    """What is left out stays as it is; null takes a choice back."""

    language: LanguageTag | None = None
    currency: Annotated[Currency, AfterValidator(_known_currency)] | None = None
    cabin: Cabin | None = None
    home_airport: HomeAirportCode | None = None
    seat: Literal["window", "middle", "aisle"] | None = None
    meal: Annotated[str, StringConstraints(min_length=1, max_length=40)] | None = None
    newsletter: bool = False
    marketing_sms: bool = False
    extra: Annotated[dict[str, JsonValue], AfterValidator(_small)] = Field(
        default={}, description="the frontend's own settings, at most 4 kB of JSON; replaced as a whole"
    )


class PreferencesOut(ApiModel):
    language: str | None
    currency: str | None
    cabin: str | None
    home_airport: str | None
    seat: str | None
    meal: str | None
    newsletter: bool
    marketing_sms: bool
    extra: dict[str, Any]
    updated_at: datetime | None

    @classmethod
    def from_domain(cls, preferences: Preferences) -> Self:
        return cls(**{name: getattr(preferences, name) for name in cls.model_fields})


class SpendOut(ApiModel):
    paid: MoneyOut
    refunded: MoneyOut


class LoyaltyEntryOut(ApiModel):
    booking_id: UUID
    points: int = Field(description="negative where they were returned")
    reason: Literal["earned", "returned"]
    at: datetime

    @classmethod
    def from_domain(cls, entry: LoyaltyEntry) -> Self:
        return cls(**{name: getattr(entry, name) for name in cls.model_fields})


class LoyaltyOut(ApiModel):
    points: int
    bookings_paid: int
    bookings_refunded: int = Field(description="those of the paid ones whose money has gone back in full")
    last_paid_at: datetime | None
    spend: list[SpendOut] = Field(description="one for each currency")
    history: Page[LoyaltyEntryOut]

    @classmethod
    def from_domain(cls, stats: CustomerStats, history: Page[LoyaltyEntryOut]) -> Self:
        same = ("points", "bookings_paid", "bookings_refunded", "last_paid_at")
        spend = [
            SpendOut(paid=MoneyOut.from_money(one.paid), refunded=MoneyOut.from_money(one.refunded))
            for one in stats.spend
        ]
        return cls(spend=spend, history=history, **{name: getattr(stats, name) for name in same})


class CustomerRoutes:
    """Everything is under two addresses: `/api/user`, and `/api/customers/{customer_id}` with one's own id."""

    def __init__(self, customers: Customers) -> None:
        self._customers = customers

    @get("/api/user/profile", permission=OWN_DATA, tags=TAGS)
    @get("/api/customers/{customer_id}", permission=OWN_DATA, tags=TAGS)
    async def profile(self, call: Call, customer_id: UUID | None = None) -> ProfileOut:
        """Your profile."""
        return ProfileOut.from_domain(await self._customers.get_profile(_own(call, customer_id)))

    @put("/api/user/profile", permission=OWN_DATA, tags=TAGS)
    @put("/api/customers/{customer_id}", permission=OWN_DATA, tags=TAGS)
    async def change_profile(self, call: Call, body: ProfileIn, customer_id: UUID | None = None) -> ProfileOut:
        """Change your name or telephone number."""
        changes = body.model_dump(exclude_unset=True)
        if changes.get("name", "") is None:
            del changes["name"]
        return ProfileOut.from_domain(await self._customers.change_profile(_own(call, customer_id), **changes))

    @get("/api/user/addresses", permission=OWN_DATA, tags=TAGS)
    @get("/api/customers/{customer_id}/addresses", permission=OWN_DATA, tags=TAGS)
    async def addresses(self, call: Call, customer_id: UUID | None = None) -> AddressesOut:
        """Your addresses, the default one first."""
        found = await self._customers.address_book.list_addresses(_own(call, customer_id))
        return AddressesOut(items=[AddressOut.from_domain(one) for one in found])

    @post("/api/user/addresses", status=201, permission=OWN_DATA, idempotent=True, tags=TAGS)
    @post("/api/customers/{customer_id}/addresses", status=201, permission=OWN_DATA, idempotent=True, tags=TAGS)
    async def add_address(self, call: Call, body: AddressIn, customer_id: UUID | None = None) -> AddressOut:
        """Add an address; there can be 20."""
        return AddressOut.from_domain(
            await self._customers.address_book.add_address(_own(call, customer_id), body.to_domain())
        )

    @put("/api/user/addresses/{address_id}", permission=OWN_DATA, tags=TAGS)
    @put("/api/customers/{customer_id}/addresses/{address_id}", permission=OWN_DATA, tags=TAGS)
    async def change_address(
        self, call: Call, address_id: UUID, body: AddressIn, customer_id: UUID | None = None
    ) -> AddressOut:
        """Replace an address. The default one stays it until another is chosen."""
        who = _own(call, customer_id)
        return AddressOut.from_domain(
            await self._customers.address_book.change_address(who, address_id, body.to_domain())
        )

    @delete("/api/user/addresses/{address_id}", status=204, permission=OWN_DATA, tags=TAGS)
    @delete("/api/customers/{customer_id}/addresses/{address_id}", status=204, permission=OWN_DATA, tags=TAGS)
    async def remove_address(self, call: Call, address_id: UUID, customer_id: UUID | None = None) -> None:
        """Remove an address. After the default one the newest of the others takes its place."""
        await self._customers.address_book.remove_address(_own(call, customer_id), address_id)

    @post("/api/user/addresses/{address_id}/default", permission=OWN_DATA, tags=TAGS)
    @post("/api/customers/{customer_id}/addresses/{address_id}/default", permission=OWN_DATA, tags=TAGS)
    async def make_default(self, call: Call, address_id: UUID, customer_id: UUID | None = None) -> AddressOut:
        """Make an address the default one."""
        return AddressOut.from_domain(
            await self._customers.address_book.set_default_address(_own(call, customer_id), address_id)
        )

    @get("/api/user/preferences", permission=OWN_DATA, tags=TAGS)
    @get("/api/customers/{customer_id}/preferences", permission=OWN_DATA, tags=TAGS)
    async def preferences(self, call: Call, customer_id: UUID | None = None) -> PreferencesOut:
        """What you prefer."""
        return PreferencesOut.from_domain(await self._customers.get_preferences(_own(call, customer_id)))

    @put("/api/user/preferences", permission=OWN_DATA, tags=TAGS)
    @put("/api/customers/{customer_id}/preferences", permission=OWN_DATA, tags=TAGS)
    async def change_preferences(
        self, call: Call, body: PreferencesIn, customer_id: UUID | None = None
    ) -> PreferencesOut:
        """Say what you prefer."""
        changes = body.model_dump(exclude_unset=True)
        return PreferencesOut.from_domain(await self._customers.change_preferences(_own(call, customer_id), **changes))

    @get("/api/user/loyalty", permission=OWN_DATA, tags=TAGS)
    @get("/api/customers/{customer_id}/loyalty", permission=OWN_DATA, tags=TAGS)
    async def loyalty(self, call: Call, query: PageQuery, customer_id: UUID | None = None) -> LoyaltyOut:
        """Your points, how they came about, and what you have paid so far."""
        who = _own(call, customer_id)
        entries, total = await self._customers.list_loyalty_entries(who, page=query.page, page_size=query.page_size)
        items = [LoyaltyEntryOut.from_domain(one) for one in entries]
        history = Page[LoyaltyEntryOut](items=items, page=query.page, page_size=query.page_size, total=total)
        return LoyaltyOut.from_domain(await self._customers.get_stats(who), history)


def _own(call: Call, customer_id: UUID | None) -> Caller:
    """The caller, if the address names nobody else. Raises NotFound."""
    if customer_id not in (None, call.signed_in_caller.id):
        raise NotFound(code="customer_not_found")
    return call.signed_in_caller
