"""The counter: what a traveller does with bookings."""

from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

from asyncpg import Record

from hub.core.clock import Clock, IdGenerator
from hub.core.db import Database, Tx
from hub.core.errors import Conflict, Unavailable
from hub.core.jobs import every
from hub.core.row_failures import RowKey, Sweep
from hub.oversight.audit import AuditLog
from hub.people.customers import Customers
from hub.people.identity import Caller
from hub.sales.bookings.duplicates import check_duplicate
from hub.sales.bookings.jobs import FulfillBooking
from hub.sales.bookings.model import FUNDED_STATUSES, Booking, BookingStatus, NewBooking, PaymentStatus
from hub.sales.bookings.repository import SQL, BookingRepository
from hub.sales.bookings.travel_documents import TravelDocuments
from hub.supply.flights import (
    BookableOffer,
    Flights,
    Party,
    Requirements,
    Traveler,
    offer_to_json,
    query_to_json,
    requirements_from_json,
    requirements_to_json,
    validate_contact,
    validate_party,
)

_REFERENCE_TRIES = 5
_MAY_BE_ORDERED = FUNDED_STATUSES | {PaymentStatus.PROCESSING, PaymentStatus.UNKNOWN}


@dataclass(frozen=True, slots=True)
class BookingService:
    """Takes, shows, changes and cancels bookings. Each method is one unit of work."""

    db: Database
    bookings: BookingRepository
    flights: Flights
    audit: AuditLog
    clock: Clock
    ids: IdGenerator
    payment_window: timedelta
    customers: Customers
    travel_documents: TravelDocuments

    async def create_booking(self, caller: Caller, wanted: NewBooking) -> Booking:
        """A pending booking at the hub's own price.

        An empty telephone number of the contact is filled with the profile's. Raises NotFound or Gone for the offer,
        InvalidRequest for everything that its supplier would refuse, ProviderError when the supplier has to be asked
        what it requires and cannot be, DuplicateBooking.
        """
        async with self.db.transaction(caller.id) as tx, tx.as_hub():
            if (known := await self._known(tx, caller, wanted)) is not None:
                return known
            wanted = await self._with_phone(tx, caller, wanted)
        bookable = await self.flights.find_bookable_offer(wanted.offer_id)
        offer = bookable.stored
        party = Party(wanted.travelers, wanted.contact.phone)
        validate_party(bookable.requirements, party, offer.offer, offer.query, self.clock.now().date())
        async with self.db.transaction(caller.id) as tx, tx.as_hub():
            if (known := await self._known(tx, caller, wanted)) is not None:
                return known
            await check_duplicate(tx, self.clock, caller.id, wanted, offer.offer)
            # Whoever held the lock may have been this very request, sent twice.
            return await self._known(tx, caller, wanted) or await self._insert(tx, caller, wanted, bookable)

    async def list_bookings(
        self, caller: Caller, *, status: str | None, page: int, page_size: int
    ) -> tuple[list[Booking], int]:
        async with self.db.transaction(caller.id) as tx:
            rows = await tx.fetch(SQL.page, status, page_size, (page - 1) * page_size)
            total = rows[0]["total"] if rows else await tx.fetchval(SQL.count, status)
            return [Booking.from_row(row, await self.bookings.list_travelers(tx, row["id"])) for row in rows], total

    async def get_booking(self, caller: Caller, booking_id: UUID) -> Booking:
        async with self.db.transaction(caller.id) as tx:
            return await self.bookings.find_booking(tx, booking_id)

    async def update_booking(
        self, caller: Caller, booking_id: UUID, *, email: str | None, phone: str | None, notes: str | None
    ) -> Booking:
        """Changes the contact or the notes; what was ordered cannot be changed here.

        Raises InvalidRequest for a telephone number that the supplier of the flights would refuse.
        """
        async with self.db.transaction(caller.id) as tx:
            booking = await self.bookings.find_booking(tx, booking_id)
            async with tx.as_hub():
                if phone is not None:
                    validate_contact(await self._requirements(tx, booking_id), phone)
                row = await tx.fetchrow(SQL.patch, booking_id, email, phone, notes, self.clock.now())
                if row is None:
                    raise Conflict(f"The booking is {booking.status}.", code="booking_ended")
                await self.audit.record_action(
                    tx,
                    "booking.changed",
                    customer_id=caller.id,
                    booking_id=booking_id,
                    fields=_given(email, phone, notes),
                )
            return Booking.from_row(row, booking.travelers)

    async def _requirements(self, tx: Tx, booking_id: UUID) -> Requirements:
        stored = await tx.fetchval(SQL.requirements, booking_id)
        return requirements_from_json(stored) if stored is not None else Requirements()

    async def cancel_booking(self, caller: Caller, booking_id: UUID) -> Booking:
        """Cancels, and gives back what has been held or paid. Cancelling twice is one cancellation.

        Raises Conflict while the supplier is being asked: nobody can say yet what there is to cancel.
        """
        async with self.db.transaction(caller.id) as tx:
            await self.bookings.find_booking(tx, booking_id)
            async with tx.as_hub():
                booking = await self.bookings.find_booking(tx, booking_id, lock=True)
                if booking.status is BookingStatus.CANCELED:
                    return booking
                if booking.status is BookingStatus.ORDERED:
                    raise _cannot_cancel(booking)
                ended = await self.bookings.end_booking(tx, booking, BookingStatus.CANCELED)
        if ended is None:
            raise _cannot_cancel(booking)
        return ended

    @every(20, "bookings.expire")
    async def expire_unpaid_bookings(self) -> None:
        """Ends the bookings that nobody has paid for in time."""
        async with self.db.transaction() as tx:
            due = await tx.fetch(SQL.due_to_expire, self.clock.now())
        await Sweep("bookings.expire", self.db, self.clock).process_rows(due, self._expire, key=_booking_key)

    async def _expire(self, row: Record) -> None:
        async with self.db.transaction() as tx:
            booking = await self.bookings.find_booking(tx, row["id"], lock=True)
            if booking.status is BookingStatus.AWAITING_CONSENT and booking.expires_at <= self.clock.now():
                await self.bookings.end_booking(tx, booking, BookingStatus.FAILED, failure="price_changed")
            elif booking.status is BookingStatus.PENDING and booking.payment_status not in _MAY_BE_ORDERED:
                await self.bookings.end_booking(tx, booking, BookingStatus.EXPIRED)

    @every(10, "bookings.rescue")
    async def resume_stalled_bookings(self) -> None:
        """Wakes every paid booking that stands still: a job lost, a process killed, a supplier that fell silent."""
        now = self.clock.now()
        async with self.db.transaction() as tx:
            rows = await tx.fetch(SQL.stranded, now, now - timedelta(seconds=10))
        await Sweep("bookings.rescue", self.db, self.clock).process_rows(rows, self._wake, key=_booking_key)

    async def _wake(self, row: Record) -> None:
        async with self.db.transaction() as tx:
            await self.bookings.jobs.enqueue(
                tx, FulfillBooking(booking_id=row["id"]), key=f"booking:{row['id']}:fulfil"
            )

    async def _with_phone(self, tx: Tx, caller: Caller, wanted: NewBooking) -> NewBooking:
        if wanted.contact.phone is not None:
            return wanted
        customer = await self.customers.find_customer(tx, caller.id)
        return replace(wanted, contact=replace(wanted.contact, phone=customer.phone))

    async def _known(self, tx: Tx, caller: Caller, wanted: NewBooking) -> Booking | None:
        """The booking that this very request made before, when its answer was lost."""
        if wanted.idempotency_key is None:
            return None
        row = await tx.fetchrow(SQL.find_by_idempotency_key, caller.id, wanted.idempotency_key)
        return Booking.from_row(row, wanted.travelers) if row else None

    async def _insert(self, tx: Tx, caller: Caller, wanted: NewBooking, bookable: BookableOffer) -> Booking:
        now, booking_id = self.clock.now(), self.ids.new_uuid()
        offer = bookable.stored
        total = offer.offer.total
        for _ in range(_REFERENCE_TRIES):
            row = await tx.fetchrow(
                SQL.insert_booking,
                booking_id, self.ids.new_reference(), caller.id, total.amount, total.currency, wanted.offer_id,
                offer.offer.provider, offer.public_json, offer.sandbox, wanted.contact.email, wanted.contact.phone,
                wanted.idempotency_key, now, min(now + self.payment_window, offer.expires_at),
            )  # fmt: skip
            if row is not None:
                break
        else:
            raise Unavailable("No free booking reference was found.", retry_after=1)
        await tx.executemany(SQL.insert_traveler, self._traveler_rows(booking_id, wanted.travelers))
        await tx.execute(
            SQL.insert_order,
            booking_id,
            offer.offer.provider,
            offer_to_json(offer.offer),
            query_to_json(offer.query),
            requirements_to_json(bookable.requirements),
            now,
        )
        await self.audit.record_action(
            tx, "booking.created", customer_id=caller.id, booking_id=booking_id, total=total.display
        )
        return Booking.from_row(row, wanted.travelers)

    def _traveler_rows(self, booking_id: UUID, travelers: tuple[Traveler, ...]) -> list[tuple[object, ...]]:
        """In the order of the columns; the document is sealed."""
        return [
            (
                booking_id, position, one.title, one.gender, one.given_name, one.family_name, one.born_on,
                one.nationality, one.email, one.phone, self.travel_documents.seal_document(booking_id, position, one),
            )
            for position, one in enumerate(travelers)
        ]  # fmt: skip


def _given(email: str | None, phone: str | None, notes: str | None) -> list[str]:
    fields = {"contact.email": email, "contact.phone": phone, "notes": notes}
    return [name for name, value in fields.items() if value is not None]


def _cannot_cancel(booking: Booking) -> Conflict:
    if booking.status in {BookingStatus.ORDERING, BookingStatus.ORDER_UNKNOWN, BookingStatus.ORDERED}:
        return Conflict(
            "The booking is being ordered at this moment; try again shortly.", code="booking_in_progress", retry_after=5
        )
    return Conflict(f"The booking is {booking.status}.", code="booking_ended")


def _booking_key(row: Record) -> RowKey:
    return RowKey(str(row["id"]), booking_id=row["id"])
