"""The counter: what a traveller does with bookings."""

from dataclasses import astuple, dataclass
from datetime import timedelta
from uuid import UUID

from asyncpg import Record

from hub.audit import Audit
from hub.bookings.duplicates import check_duplicate
from hub.bookings.model import HELD, Booking, BookingStatus, NewBooking, PaymentStatus
from hub.bookings.store import SQL, Store
from hub.bookings.work import FulfilBooking
from hub.core.clock import Clock, Ids
from hub.core.db import Database, Tx
from hub.core.errors import Conflict, FieldError, Invalid, Unavailable
from hub.core.jobs import every
from hub.core.rows import RowKey, Sweep
from hub.flights import FlightQuery, Flights, StoredOffer, Traveller, offer_to_json, query_to_json
from hub.identity import Caller

_REFERENCE_TRIES = 5
_MAY_BE_ORDERED = HELD | {PaymentStatus.PROCESSING, PaymentStatus.UNKNOWN}


@dataclass(frozen=True, slots=True)
class Bookings:
    """Takes, shows, changes and cancels bookings. Each method is one unit of work."""

    db: Database
    store: Store
    flights: Flights
    audit: Audit
    clock: Clock
    ids: Ids
    payment_window: timedelta

    async def create(self, caller: Caller, wanted: NewBooking) -> Booking:
        """A pending booking at the hub's own price.

        Raises NotFound or Gone for the offer, Invalid when the travellers are not those of the search,
        DuplicateBooking.
        """
        offer = await self.flights.offer(wanted.offer_id)
        _check_travelers(wanted.travelers, offer.query)
        async with self.db.transaction(caller.id) as tx, tx.as_hub():
            if (known := await self._known(tx, caller, wanted)) is not None:
                return known
            await check_duplicate(tx, self.clock, caller.id, wanted, offer.offer)
            # Whoever held the lock may have been this very request, sent twice.
            return await self._known(tx, caller, wanted) or await self._insert(tx, caller, wanted, offer)

    async def page(self, caller: Caller, *, status: str | None, page: int, page_size: int) -> tuple[list[Booking], int]:
        async with self.db.transaction(caller.id) as tx:
            rows = await tx.fetch(SQL.page, status, page_size, (page - 1) * page_size)
            total = rows[0]["total"] if rows else await tx.fetchval(SQL.count, status)
            return [Booking.from_row(row, await self.store.travelers(tx, row["id"])) for row in rows], total

    async def show(self, caller: Caller, booking_id: UUID) -> Booking:
        async with self.db.transaction(caller.id) as tx:
            return await self.store.find(tx, booking_id)

    async def patch(
        self, caller: Caller, booking_id: UUID, *, email: str | None, phone: str | None, notes: str | None
    ) -> Booking:
        """Changes the contact or the notes; what was ordered cannot be changed here."""
        async with self.db.transaction(caller.id) as tx:
            booking = await self.store.find(tx, booking_id)
            async with tx.as_hub():
                row = await tx.fetchrow(SQL.patch, booking_id, email, phone, notes, self.clock.now())
                if row is None:
                    raise Conflict(f"The booking is {booking.status}.", code="booking_ended")
                await self.audit.record(
                    tx,
                    "booking.changed",
                    customer_id=caller.id,
                    booking_id=booking_id,
                    fields=_given(email, phone, notes),
                )
            return Booking.from_row(row, booking.travelers)

    async def cancel(self, caller: Caller, booking_id: UUID) -> Booking:
        """Cancels, and gives back what has been held or paid. Cancelling twice is one cancellation.

        Raises Conflict while the supplier is being asked: nobody can say yet what there is to cancel.
        """
        async with self.db.transaction(caller.id) as tx:
            await self.store.find(tx, booking_id)
            async with tx.as_hub():
                booking = await self.store.find(tx, booking_id, lock=True)
                if booking.status is BookingStatus.CANCELLED:
                    return booking
                if booking.status is BookingStatus.ORDERED:
                    raise _cannot_cancel(booking)
                ended = await self.store.end(tx, booking, BookingStatus.CANCELLED)
        if ended is None:
            raise _cannot_cancel(booking)
        return ended

    @every(20)
    async def expire(self) -> None:
        """Ends the bookings that nobody has paid for in time."""
        async with self.db.transaction() as tx:
            due = await tx.fetch(SQL.due_to_expire, self.clock.now())
        await Sweep("bookings.expire", self.db, self.clock).process(due, self._expire, key=_booking_key)

    async def _expire(self, row: Record) -> None:
        async with self.db.transaction() as tx:
            booking = await self.store.find(tx, row["id"], lock=True)
            if booking.status is BookingStatus.AWAITING_CONSENT and booking.expires_at <= self.clock.now():
                await self.store.end(tx, booking, BookingStatus.FAILED, failure="price_changed")
            elif booking.status is BookingStatus.PENDING and booking.payment_status not in _MAY_BE_ORDERED:
                await self.store.end(tx, booking, BookingStatus.EXPIRED)

    @every(10)
    async def rescue(self) -> None:
        """Wakes every paid booking that stands still: a job lost, a process killed, a supplier that fell silent."""
        now = self.clock.now()
        async with self.db.transaction() as tx:
            rows = await tx.fetch(SQL.stranded, now, now - timedelta(seconds=10))
        await Sweep("bookings.rescue", self.db, self.clock).process(rows, self._wake, key=_booking_key)

    async def _wake(self, row: Record) -> None:
        async with self.db.transaction() as tx:
            await self.store.jobs.enqueue(tx, FulfilBooking(booking_id=row["id"]), key=f"booking:{row['id']}:fulfil")

    async def _known(self, tx: Tx, caller: Caller, wanted: NewBooking) -> Booking | None:
        """The booking that this very request made before, when its answer was lost."""
        if wanted.idempotency_key is None:
            return None
        row = await tx.fetchrow(SQL.find_by_idempotency_key, caller.id, wanted.idempotency_key)
        return Booking.from_row(row, wanted.travelers) if row else None

    async def _insert(self, tx: Tx, caller: Caller, wanted: NewBooking, offer: StoredOffer) -> Booking:
        now, booking_id = self.clock.now(), self.ids.uuid()
        total = offer.offer.total
        for _ in range(_REFERENCE_TRIES):
            row = await tx.fetchrow(
                SQL.insert_booking,
                booking_id, self.ids.reference(), caller.id, total.amount, total.currency, wanted.offer_id,
                offer.offer.provider, offer.public, offer.sandbox, wanted.contact.email, wanted.contact.phone,
                wanted.idempotency_key, now, min(now + self.payment_window, offer.expires_at),
            )  # fmt: skip
            if row is not None:
                break
        else:
            raise Unavailable("No free booking reference was found.", retry_after=1)
        await tx.executemany(SQL.insert_traveler, _traveler_rows(booking_id, wanted.travelers))
        await tx.execute(
            SQL.insert_order,
            booking_id,
            offer.offer.provider,
            offer_to_json(offer.offer),
            query_to_json(offer.query),
            now,
        )
        await self.audit.record(
            tx, "booking.created", customer_id=caller.id, booking_id=booking_id, total=total.display
        )
        return Booking.from_row(row, wanted.travelers)


def _traveler_rows(booking_id: UUID, travelers: tuple[Traveller, ...]) -> list[tuple[object, ...]]:
    """In the order of the columns, which is the order of Traveller's fields."""
    return [(booking_id, position, *astuple(one)) for position, one in enumerate(travelers)]


def _given(email: str | None, phone: str | None, notes: str | None) -> list[str]:
    fields = {"contact.email": email, "contact.phone": phone, "notes": notes}
    return [name for name, value in fields.items() if value is not None]


def _check_travelers(travelers: tuple[Traveller, ...], query: FlightQuery) -> None:
    """The party must be the one that was priced: as many, and each of the age that was said."""
    wanted = query.adults + query.children + query.infants
    if len(travelers) != wanted:
        text = f"The offer is for {wanted} travellers, not {len(travelers)}."
        raise Invalid(text, code="wrong_party", errors=(FieldError("/travelers", "wrong_party", text),))
    last = query.return_date or query.departure_date
    found = {"adult": 0, "child": 0, "infant": 0}
    for one in travelers:
        found[one.kind_on(last)] += 1
    if found != {"adult": query.adults, "child": query.children, "infant": query.infants}:
        text = (
            f"The offer is for {query.adults} adults, {query.children} children (2 to 11) and {query.infants} infants"
            f" (under 2) at the end of the journey; by their dates of birth the travellers are"
            f" {found['adult']}, {found['child']} and {found['infant']}."
        )
        raise Invalid(text, code="wrong_party", errors=(FieldError("/travelers", "wrong_ages", text),))


def _cannot_cancel(booking: Booking) -> Conflict:
    if booking.status in {BookingStatus.ORDERING, BookingStatus.ORDER_UNKNOWN, BookingStatus.ORDERED}:
        return Conflict(
            "The booking is being ordered at this moment; try again shortly.", code="booking_in_progress", retry_after=5
        )
    return Conflict(f"The booking is {booking.status}.", code="booking_ended")


def _booking_key(row: Record) -> RowKey:
    return RowKey(str(row["id"]), booking_id=row["id"])
