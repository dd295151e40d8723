"""Searching all suppliers at once, and finding an offer again."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

import orjson
import structlog

from hub.core.cache import Cache, LoadResult
from hub.core.charge_limits import ChargePolicy
from hub.core.clock import Clock, IdGenerator
from hub.core.compression import IDENTITY
from hub.core.db import Database, load_queries
from hub.core.errors import (
    FieldError,
    Gone,
    HubError,
    InvalidRequest,
    NotFound,
    ProviderError,
    ProviderPermanent,
    ProviderTimeout,
    ProviderTransient,
)
from hub.core.jobs import every
from hub.core.money import Money
from hub.resilience.deadline import enforce_deadline, suspend_deadline
from hub.supply.flights.model import FlightOffer, FlightQuery, FlightSearch, StoredOffer
from hub.supply.flights.pricing import PricedOffers, price_offers, reprice_check
from hub.supply.flights.query_validation import validate_query
from hub.supply.flights.ranking import rank_offers
from hub.supply.flights.requirements import Requirements, requirements_from_json, requirements_to_json
from hub.supply.flights.search_responses import SearchResponse, SearchResponseEncoder
from hub.supply.flights.serialization import (
    offer_from_json,
    offer_to_json,
    offer_to_public_json,
    query_from_json,
    query_to_json,
)
from hub.supply.locations import Locations

log = structlog.get_logger(__name__)

SQL = load_queries("flights")
MIN_BOOKABLE_TIME = timedelta(minutes=5)
"""An offer is not shown any more when it has less than this to live."""
PARTIAL_TTL = 15.0
"""Seconds that an answer is kept in which a supplier is missing."""


class SearchFailed(ProviderError):
    """The provider cannot be searched at the moment, and no earlier answer is kept."""

    status: ClassVar[int] = 502
    code = "search_failed"


@dataclass(frozen=True, slots=True)
class CheckedOffer:
    """What the supplier says of an offer now. `total` is None when it cannot be had any more."""

    stored: StoredOffer
    available: bool
    total: Money | None
    checked_at: datetime
    requirements: Requirements | None = None
    """What an order has to say of its travelers; None when it cannot be had any more."""

    @property
    def price_changed(self) -> bool:
        return self.total is not None and self.total != self.stored.offer.total


@dataclass(frozen=True, slots=True)
class BookableOffer:
    """An offer, and what its supplier asks of an order for it."""

    stored: StoredOffer
    requirements: Requirements


@dataclass(frozen=True, slots=True)
class _Heard:
    """One supplier's part in an answer."""

    name: str
    latency_ms: int
    offers: list[FlightOffer]
    error: ProviderError | None = None

    def as_json(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "name": self.name,
            "status": "ok" if self.error is None else _status(self.error),
            "latency_ms": self.latency_ms,
            "age_s": 0,
            "offers": len(self.offers),
        }
        return found | ({"error": self.error.code} if self.error else {})


@dataclass(frozen=True, slots=True)
class Flights:
    """`ttl` and `supplier_timeout` in seconds. `sandboxed_suppliers` names the suppliers whose offers are made up.

    `includes_hidden_city`: also offers hidden-city and throwaway tickets, which airlines forbid.
    """

    suppliers: Mapping[str, Any]
    locations: Locations
    cache: Cache
    db: Database
    clock: Clock
    ids: IdGenerator
    ttl: float
    supplier_timeout: float
    sandboxed_suppliers: frozenset[str]
    includes_hidden_city: bool = False
    charge_policy: ChargePolicy = field(default_factory=ChargePolicy)
    """What can be charged here. Offers are shown at prices that it accepts."""
    response_encoder: SearchResponseEncoder = field(default_factory=SearchResponseEncoder)

    async def search(self, query: FlightQuery, *, pointer_prefix: str = "") -> bytes:
        """The whole answer as JSON; see `find_response`."""
        return (await self.find_response(query, pointer_prefix=pointer_prefix)).body

    async def find_response(
        self, query: FlightQuery, *, pointer_prefix: str = "", encoding: str = IDENTITY
    ) -> SearchResponse:
        """The whole answer as JSON in the encoding, with the age of what was stored.

        Raises InvalidRequest for the query (pointers under `pointer_prefix`), SearchFailed when no supplier answers in
        time.
        """
        key = self.build_cache_key(query)
        if (hit := self.find_cached_response(key, encoding)) is not None:
            return hit
        validate_query(query, self.locations, self.clock.now(), pointer_prefix)
        try:
            return self.response_encoder.encode_response(
                key, await self.cache.get_or_load(key, lambda: self._load(query)), encoding
            )
        except SearchFailed as error:
            if error.provider_code == "currency_not_supported":
                wrong = FieldError(f"{pointer_prefix}/currency", "not_supported", "no supplier sells in this currency")
                raise InvalidRequest(errors=(wrong,)) from error
            raise

    def find_cached_response(self, key: str, encoding: str = IDENTITY) -> SearchResponse | None:
        """The answer to a query (by its `build_cache_key`) that has passed `search` before, when this process has it
        fresh.
        """
        hit = self.cache.get_fresh(key)
        return self.response_encoder.encode_response(key, hit, encoding) if hit is not None else None

    @staticmethod
    def build_cache_key(query: FlightQuery) -> str:
        """The name of the query's answer."""
        return f"flights:{orjson.dumps(query).decode()}"

    async def find_offer(self, offer_id: str) -> StoredOffer:
        """An offer that was shown. Raises NotFound, or Gone when it has expired."""
        search_id, number = _parse(offer_id)
        async with self.db.connection() as connection:
            row = await connection.fetchrow(SQL.offer, search_id, number)
        if row is None or row["offer"] is None:
            raise NotFound("There is no such offer.", code="offer_not_found")
        offer = offer_from_json(row["offer"])
        if offer.expires_at <= self.clock.now():
            raise Gone("The offer has expired; search again.", code="offer_expired")
        sandbox = offer.provider in self.sandboxed_suppliers
        shown = offer_to_public_json(offer, sandbox=sandbox)
        return StoredOffer(offer, query_from_json(row["query"]), shown, sandbox, offer.expires_at)

    async def check_offer(self, offer_id: str) -> CheckedOffer:
        """Asks the supplier about the offer now. Raises what `find_offer` raises, and ProviderError."""
        stored = await self.find_offer(offer_id)
        supplier = self.suppliers.get(stored.offer.provider)
        if supplier is None:
            raise Gone("The supplier of this offer is switched off.", code="offer_expired")
        try:
            async with enforce_deadline(self.clock, self.supplier_timeout):
                found = await supplier.check(stored.offer, stored.query)
        except TimeoutError:
            raise ProviderTimeout(supplier.name) from None
        except ProviderPermanent as error:
            if error.provider_code == "offer_gone":
                raise Gone("The offer has expired; search again.", code="offer_expired") from error
            if error.provider_code == "bags_gone":
                raise Gone("The bags of this offer cannot be had any more; search again.", code="bags_gone") from error
            raise
        priced = reprice_check(found, self.charge_policy)
        if not priced.available:
            return CheckedOffer(stored, available=False, total=None, checked_at=self.clock.now())
        await self._keep_requirements(offer_id, found.requirements)
        return CheckedOffer(stored, priced.available, priced.total, self.clock.now(), found.requirements)

    async def find_bookable_offer(self, offer_id: str) -> BookableOffer:
        """The offer with its requirements: those of its last check, else the supplier is asked now.

        Raises what `check_offer` raises, and Gone when the supplier has sold it meanwhile.
        """
        stored = await self.find_offer(offer_id)
        search_id, number = _parse(offer_id)
        async with self.db.connection() as connection:
            kept = await connection.fetchval(SQL.requirements, search_id, str(number))
        if kept is not None:
            return BookableOffer(stored, requirements_from_json(kept))
        checked = await self.check_offer(offer_id)
        if checked.requirements is None:
            raise Gone("The offer has been sold meanwhile; search again.", code="sold_out")
        return BookableOffer(stored, checked.requirements)

    async def _keep_requirements(self, offer_id: str, requirements: Requirements) -> None:
        search_id, number = _parse(offer_id)
        async with self.db.connection() as connection:
            await connection.execute(SQL.keep_requirements, search_id, str(number), requirements_to_json(requirements))

    @every(600, "flights.sweep")
    async def delete_old_searches(self) -> None:
        """Searches of yesterday are of no use to anybody."""
        async with self.db.transaction() as tx:
            await tx.execute(SQL.sweep, self.clock.now() - timedelta(days=1))

    async def _load(self, query: FlightQuery) -> LoadResult:
        """Asks everybody. Meant for all who wait for this key, so no single request's deadline bounds it."""
        with suspend_deadline():
            heard = await asyncio.gather(*(self._ask(one, query) for one in self.suppliers.values()))
        good = [one for one in heard if one.error is None]
        if not good:
            raise _unforeseen(heard) or _failure(heard)
        search_id, now = self.ids.new_uuid(), self.clock.now()
        every = (offer for one in good for offer in one.offers if offer.expires_at > now + MIN_BOOKABLE_TIME)
        priced = price_offers(every, self.charge_policy)
        found = [
            replace(offer, id=f"off_{search_id.hex}_{number}")
            for number, offer in enumerate(
                rank_offers(priced.offers, query, includes_hidden_city=self.includes_hidden_city)
            )
        ]
        if found:
            await self._keep(search_id, query, found, now)
        body = self._body(query, heard, (found, priced), now)
        return self._loaded(body, _life(found, now), whole=len(good) == len(heard))

    def _loaded(self, body: bytes, life: float, *, whole: bool) -> LoadResult:
        """An answer in which a supplier is missing is soon asked for again, and kept only in case that fails."""
        ttl = min(self.ttl if whole else PARTIAL_TTL, life)
        stale = min(ttl, life - ttl) if whole else 0.0
        return LoadResult(body, ttl=ttl, stale_while_revalidate=stale, stale_if_error=life - ttl - stale)

    async def _ask(self, supplier: FlightSearch, query: FlightQuery) -> _Heard:
        started = self.clock.monotonic()
        offers: list[FlightOffer] = []
        failed: ProviderError | None = None
        try:
            async with enforce_deadline(self.clock, self.supplier_timeout):
                offers = await supplier.search(query)
        except ProviderError as error:
            failed = error
        except TimeoutError:
            failed = ProviderTimeout(supplier.name)
        except Exception as error:  # an answer that nobody has foreseen takes no other supplier's offers away
            log.exception("flights.answer_unreadable", supplier=supplier.name)
            failed = ProviderTransient(supplier.name, "The answer could not be read.")
            failed.__cause__ = error
        return _Heard(supplier.name, round((self.clock.monotonic() - started) * 1000), offers, failed)

    async def _keep(self, search_id: UUID, query: FlightQuery, offers: list[FlightOffer], now: datetime) -> None:
        last = max(one.expires_at for one in offers)
        snapshot = [offer_to_json(one) for one in offers]
        async with self.db.connection() as connection:
            await connection.execute(SQL.insert_search, search_id, query_to_json(query), snapshot, now, last)

    def _body(
        self, query: FlightQuery, heard: list[_Heard], shown: tuple[list[FlightOffer], PricedOffers], now: datetime
    ) -> bytes:
        """`sources` comes before `offers`: its ages are written in when it is sent (see `dated`)."""
        found, priced = shown
        body = {
            "query": query_to_json(query),
            "fetched_at": now.isoformat(),
            "sandbox": any(one.provider in self.sandboxed_suppliers for one in found)
            or (not found and bool(self.sandboxed_suppliers & self.suppliers.keys())),
            "sources": [one.as_json() for one in heard],
            "pricing": {"rounded": priced.rounded_count, "left_out": dict(priced.exclusions)},
            "offers": [offer_to_public_json(one, sandbox=one.provider in self.sandboxed_suppliers) for one in found],
            "locations": self._places(found),
        }
        return orjson.dumps(body)

    def _places(self, offers: list[FlightOffer]) -> dict[str, Any]:
        codes = {code for o in offers for s in o.slices for g in s.segments for code in (g.origin, g.destination)}
        places = {code: self.locations.find_airport(code) for code in sorted(codes)}
        return {
            code: {"name": one.name, "city": one.city, "country": one.country, "timezone": one.timezone}
            for code, one in places.items()
            if one is not None
        }


def _life(offers: list[FlightOffer], now: datetime) -> float:
    """Seconds for which all of them can still be booked, with some time to do it."""
    ends = min((one.expires_at for one in offers), default=now + timedelta(minutes=30))
    return max(1.0, (ends - MIN_BOOKABLE_TIME - now).total_seconds())


def _status(error: ProviderError) -> str:
    return {"provider_timeout": "timeout", "provider_breaker_open": "open"}.get(error.code, "error")


def _unforeseen(heard: list[_Heard]) -> BaseException | None:
    """A fault of our own, which is not called the supplier's."""
    causes = (one.error.__cause__ for one in heard if one.error is not None)
    return next((cause for cause in causes if cause is not None and not isinstance(cause, HubError)), None)


def _failure(heard: list[_Heard]) -> ProviderError:
    names = ", ".join(one.name for one in heard) or "flights"
    error = next((one.error for one in heard if one.error is not None), None)
    return SearchFailed(
        names,
        f"cannot be searched ({error.code if error else 'switched off'})",
        provider_code=error.provider_code if error else None,
        retry_after=error.retry_after if error else None,
    )


def _parse(offer_id: str) -> tuple[UUID, int]:
    kind, _, rest = offer_id.partition("_")
    search, _, number = rest.partition("_")
    if kind == "off" and len(search) == 32 and number.isascii() and number.isdigit() and len(number) < 5:  # noqa: PLR2004
        try:
            return UUID(hex=search), int(number)
        except ValueError:
            pass
    raise NotFound("There is no such offer.", code="offer_not_found")
