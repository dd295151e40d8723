import json
from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, Field, JsonValue, StringConstraints

from hub.core.errors import NotFound
from hub.core.money import CURRENCIES
from hub.people.customers import Address, Customer, Customers, LoyaltyEntry, NewAddress, Preferences, Stats
from hub.people.identity import Caller
from hub.supply.flights import Cabin
from routes.web.endpoint_api import TRAVELLER, ApiModel, Call, delete, get, post, put
from routes.web.schemas import Country, Currency, MoneyOut, Name, Page, PageQuery, PersonName, Phone

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


Line = Annotated[str, StringConstraints(min_length=1, max_length=120)]
Postcode = Annotated[str, StringConstraints(min_length=1, max_length=16)]
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}(-[A-Z]{2})?$"), Field(examples=["en-GB"])]
Airport = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$"), Field(examples=["LHR"]), BeforeValidator(_upper)]
Kind = Literal["home", "work", "billing", "other"]


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
    def of(cls, customer: Customer) -> Self:
        same = ("id", "email", "name", "phone", "created_at")
        return cls(verified=customer.verified_at is not None, **{name: getattr(customer, name) for name in same})


class AddressIn(ApiModel):
    kind: Kind = "home"
    name: Name
    line1: Line
    line2: Line | None = None
    city: Name
    region: Name | None = None
    postcode: Postcode | None = None
    country: Country
    phone: Phone | None = None
    is_default: bool = Field(default=False, description="the first one is the default in any case")

    def to_domain(self) -> NewAddress:
        return NewAddress(**self.model_dump())


class AddressOut(ApiModel):
    id: UUID
    kind: Kind
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
    def of(cls, address: Address) -> Self:
        return cls(**{name: getattr(address, name) for name in cls.model_fields})


class AddressesOut(ApiModel):
    items: list[AddressOut]


class PreferencesIn(ApiModel):
    """What is left out stays as it is; null takes a choice back."""

    language: Language | None = None
    currency: Annotated[Currency, AfterValidator(_known_currency)] | None = None
    cabin: Cabin | None = None
    home_airport: Airport | None = None
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
    def of(cls, preferences: Preferences) -> Self:
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
    def of(cls, entry: LoyaltyEntry) -> Self:
        return cls(**{name: getattr(entry, name) for name in cls.model_fields})


class LoyaltyOut(ApiModel):
    points: int
    bookings_paid: int
    bookings_refunded: int = Field(description="those of the paid ones whose money has gone back in full")
    last_paid_at: datetime | None
    spend: list[SpendOut] = Field(description="one for each currency")
    history: Page[LoyaltyEntryOut]

    @classmethod
    def of(cls, stats: Stats, history: Page[LoyaltyEntryOut]) -> Self:
        same = ("points", "bookings_paid", "bookings_refunded", "last_paid_at")
        spend = [SpendOut(paid=MoneyOut.of(one.paid), refunded=MoneyOut.of(one.refunded)) for one in stats.spend]
        return cls(spend=spend, history=history, **{name: getattr(stats, name) for name in same})


class CustomerRoutes:
    """Everything is under two addresses: `/api/user`, and `/api/customers/{customer_id}` with one's own id."""

    def __init__(self, customers: Customers) -> None:
        self._customers = customers

    @get("/api/user/profile", who=TRAVELLER, tags=TAGS)
    @get("/api/customers/{customer_id}", who=TRAVELLER, tags=TAGS)
    async def profile(self, call: Call, customer_id: UUID | None = None) -> ProfileOut:
        """Your profile."""
        return ProfileOut.of(await self._customers.me(_own(call, customer_id)))

    @put("/api/user/profile", who=TRAVELLER, tags=TAGS)
    @put("/api/customers/{customer_id}", who=TRAVELLER, tags=TAGS)
    async def change_profile(self, call: Call, body: ProfileIn, customer_id: UUID | None = None) -> ProfileOut:
        """Change your name or telephone number."""
        changes = body.model_dump(exclude_unset=True)
        if changes.get("name", "") is None:
            del changes["name"]
        return ProfileOut.of(await self._customers.change_profile(_own(call, customer_id), **changes))

    @get("/api/user/addresses", who=TRAVELLER, tags=TAGS)
    @get("/api/customers/{customer_id}/addresses", who=TRAVELLER, tags=TAGS)
    async def addresses(self, call: Call, customer_id: UUID | None = None) -> AddressesOut:
        """Your addresses, the default one first."""
        found = await self._customers.addresses.list(_own(call, customer_id))
        return AddressesOut(items=[AddressOut.of(one) for one in found])

    @post("/api/user/addresses", status=201, who=TRAVELLER, idempotent=True, tags=TAGS)
    @post("/api/customers/{customer_id}/addresses", status=201, who=TRAVELLER, idempotent=True, tags=TAGS)
    async def add_address(self, call: Call, body: AddressIn, customer_id: UUID | None = None) -> AddressOut:
        """Add an address; there can be 20."""
        return AddressOut.of(await self._customers.addresses.add(_own(call, customer_id), body.to_domain()))

    @put("/api/user/addresses/{address_id}", who=TRAVELLER, tags=TAGS)
    @put("/api/customers/{customer_id}/addresses/{address_id}", who=TRAVELLER, tags=TAGS)
    async def change_address(
        self, call: Call, address_id: UUID, body: AddressIn, customer_id: UUID | None = None
    ) -> AddressOut:
        """Replace an address. The default one stays it until another is chosen."""
        who = _own(call, customer_id)
        return AddressOut.of(await self._customers.addresses.change(who, address_id, body.to_domain()))

    @delete("/api/user/addresses/{address_id}", status=204, who=TRAVELLER, tags=TAGS)
    @delete("/api/customers/{customer_id}/addresses/{address_id}", status=204, who=TRAVELLER, tags=TAGS)
    async def remove_address(self, call: Call, address_id: UUID, customer_id: UUID | None = None) -> None:
        """Remove an address. After the default one the newest of the others takes its place."""
        await self._customers.addresses.remove(_own(call, customer_id), address_id)

    @post("/api/user/addresses/{address_id}/default", who=TRAVELLER, tags=TAGS)
    @post("/api/customers/{customer_id}/addresses/{address_id}/default", who=TRAVELLER, tags=TAGS)
    async def make_default(self, call: Call, address_id: UUID, customer_id: UUID | None = None) -> AddressOut:
        """Make an address the default one."""
        return AddressOut.of(await self._customers.addresses.make_default(_own(call, customer_id), address_id))

    @get("/api/user/preferences", who=TRAVELLER, tags=TAGS)
    @get("/api/customers/{customer_id}/preferences", who=TRAVELLER, tags=TAGS)
    async def preferences(self, call: Call, customer_id: UUID | None = None) -> PreferencesOut:
        """What you prefer."""
        return PreferencesOut.of(await self._customers.preferences(_own(call, customer_id)))

    @put("/api/user/preferences", who=TRAVELLER, tags=TAGS)
    @put("/api/customers/{customer_id}/preferences", who=TRAVELLER, tags=TAGS)
    async def change_preferences(
        self, call: Call, body: PreferencesIn, customer_id: UUID | None = None
    ) -> PreferencesOut:
        """Say what you prefer."""
        changes = body.model_dump(exclude_unset=True)
        return PreferencesOut.of(await self._customers.change_preferences(_own(call, customer_id), **changes))

    @get("/api/user/loyalty", who=TRAVELLER, tags=TAGS)
    @get("/api/customers/{customer_id}/loyalty", who=TRAVELLER, tags=TAGS)
    async def loyalty(self, call: Call, query: PageQuery, customer_id: UUID | None = None) -> LoyaltyOut:
        """Your points, how they came about, and what you have paid so far."""
        who = _own(call, customer_id)
        entries, total = await self._customers.loyalty(who, page=query.page, page_size=query.page_size)
        items = [LoyaltyEntryOut.of(one) for one in entries]
        history = Page[LoyaltyEntryOut](items=items, page=query.page, page_size=query.page_size, total=total)
        return LoyaltyOut.of(await self._customers.stats(who), history)


def _own(call: Call, customer_id: UUID | None) -> Caller:
    """The caller, if the address names nobody else. Raises NotFound."""
    if customer_id not in (None, call.who.id):
        raise NotFound(code="customer_not_found")
    return call.who
