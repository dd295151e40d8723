"""From held money to a ticket, in steps that can each be repeated.

The supplier's calls cannot be repeated, so what is about to be asked is written down before (`placing`,
`confirming`). Who finds such a mark with nobody's lease on it knows that the answer was lost, and asks the supplier
what it has instead of asking for it again.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from hub.core.charge_limits import ChargePolicy
from hub.core.clock import Clock
from hub.core.context import bind_context
from hub.core.db import Database, Tx
from hub.core.errors import OutcomeUnknown, ProviderPermanent, ProviderReason, ProviderTransient
from hub.core.inbox import WebhookEffect, WebhookEvent
from hub.core.jobs import Retry, job
from hub.core.money import Money
from hub.core.row_failures import RowKey, Sweep
from hub.core.sealing import UnsealError
from hub.oversight.review_queue import ReviewQueue
from hub.sales.bookings.jobs import BookingChanged, CapturePayment, FulfillBooking
from hub.sales.bookings.model import Booking, BookingStatus
from hub.sales.bookings.repository import SQL, BookingRepository
from hub.sales.bookings.supplier_order import OrderUnusable, SupplierOrder, needs_order, refusal_of
from hub.sales.bookings.tickets import Tickets
from hub.sales.bookings.travel_documents import TravelDocuments
from hub.supply.flights import OrderRequest, OrderState, Party, PlacedOrder, PriceCheck, Traveler, find_violations

ORDER_LEASE = timedelta(seconds=10)
"""A live lease means a live worker: it renews it while it works, and so the next one need not wait long."""
UNKNOWN_ORDER_LIMIT = timedelta(hours=24)
"""After this an unknown order is for people."""
SCHEDULE_CHANGED_EVENT = "booking.delayed"
"""The one piece of news that no later reading of the order shows."""
CONSENT_WINDOW = timedelta(minutes=30)
"""How long a traveller has to agree to a price that has risen; the old hold lasts longer than that."""
_MISSING = 404
SUPPLIER_WAIT_LIMIT = timedelta(minutes=20)
"""How long after the booking's own time a supplier that is not reachable may hold up an order not yet placed."""


@dataclass(frozen=True, slots=True)
class Fulfillment:
    db: Database
    bookings: BookingRepository
    review_queue: ReviewQueue
    clock: Clock
    suppliers: dict[str, Any]
    """By name; each is a PriceChecker and an OrderPlacer."""
    travel_documents: TravelDocuments
    tickets: Tickets
    charge_policy: ChargePolicy = field(default_factory=ChargePolicy)
    """What can be charged here: a price that has risen is asked for as it can be charged."""

    @job
    async def fulfill_booking(self, work: FulfillBooking) -> None:
        """Brings one booking as far as it gets. Raises Retry while somebody else has it, or the supplier is silent."""
        with bind_context(booking_id=work.booking_id):
            sweep = Sweep("bookings.fulfil", self.db, self.clock)
            key = RowKey(str(work.booking_id), booking_id=work.booking_id)
            try:
                order = await self._take(work.booking_id)
            except OrderUnusable as error:
                failure = await sweep.record_failure(key, error)
                raise Retry(failure.retry_after, error.detail) from error
            await sweep.clear_failure(key)
            if order is None:
                return
            async with self._in_hand(work.booking_id):
                await self._advance(order)

    async def handle_webhook(self, event: WebhookEvent) -> WebhookEffect | None:
        """A supplier's callback is a hint and unsigned: the order is read again before anything is believed."""
        number, account = str(event.payload.get("booking_id")), self.suppliers[event.provider].account
        async with self.db.transaction() as tx:
            row = await tx.fetchrow(SQL.order_by_number, event.provider, number, account)
        if row is None or row["placed"] is None:
            return None
        with bind_context(booking_id=row["booking_id"]):
            state = await self._read(event.provider, PlacedOrder.from_json(row["placed"]))
        return partial(self._hear, row["booking_id"], state, event)

    async def _hear(self, booking_id: UUID, state: OrderState | None, event: WebhookEvent, tx: Tx) -> None:
        """What the airline does after the sale reaches the traveller: with the money back, or in words."""
        booking = await self.bookings.find_booking(tx, booking_id, lock=True)
        await event.link_booking(tx, booking_id)
        if booking.status in {BookingStatus.ORDERING, BookingStatus.ORDER_UNKNOWN}:
            await self.bookings.jobs.enqueue(
                tx, FulfillBooking(booking_id=booking_id), key=f"booking:{booking_id}:fulfil"
            )
        elif state is None:
            await self.review_queue.open_item(tx, "order_unknown", booking_id=booking_id, reason="order_missing")
        elif state.status in {"cancelled", "refused"}:
            await self.bookings.end_booking(tx, booking, BookingStatus.CANCELED, failure="supplier_cancelled")
        else:
            await self.tickets.store_references(tx, booking_id, state)
        if event.type == SCHEDULE_CHANGED_EVENT and state is not None and booking.status is BookingStatus.CONFIRMED:
            await self.bookings.audit.record_action(
                tx, "booking.schedule_changed", customer_id=booking.customer_id, booking_id=booking_id
            )
            await tx.execute(SQL.set_schedule_changed, booking_id, self.clock.now())
            told = BookingChanged(booking_id=booking_id, event=event.id)
            await self.bookings.jobs.enqueue(tx, told, key=f"booking:{booking_id}:changed:{event.id}")

    async def _take(self, booking_id: UUID) -> SupplierOrder | None:
        """The order, leased; None when there is nothing to do. Raises OrderUnusable."""
        now = self.clock.now()
        async with self.db.transaction() as tx:
            booking = await self.bookings.find_booking(tx, booking_id, lock=True)
            if booking.status is BookingStatus.ORDERED:
                await self._ask_for_capture(tx, booking)
                return None
            if not needs_order(booking):
                return None
            row = await tx.fetchrow(SQL.lease_order, booking_id, now + ORDER_LEASE, now)
            if row is None and await tx.fetchrow(SQL.order_of, booking_id) is None:
                raise OrderUnusable
            if row is None:
                raise Retry(5, "somebody else has this order in work")
            return SupplierOrder.from_row(booking, row)

    @asynccontextmanager
    async def _in_hand(self, booking_id: UUID) -> AsyncIterator[None]:
        """Renews the lease until the work is done, then gives it back."""
        renewing = asyncio.create_task(self._renew(booking_id))
        try:
            yield
        finally:
            renewing.cancel()
            await asyncio.gather(renewing, return_exceptions=True)
            async with self.db.transaction() as tx:
                await tx.execute(SQL.renew_lease, booking_id, None)

    async def _renew(self, booking_id: UUID) -> None:
        while True:
            await self.clock.sleep(ORDER_LEASE.total_seconds() / 3)
            async with self.db.transaction() as tx:
                await tx.execute(SQL.renew_lease, booking_id, self.clock.now() + ORDER_LEASE)

    async def _advance(self, order: SupplierOrder) -> None:
        """An order of another account is not looked up in this one, where its number may be that of another order."""
        if order.is_foreign(self._supplier(order).account):
            await self._lost(order)
            await self._review(order, "account_changed")
            return
        match order.state:
            case "none":
                await self._begin(order)
            case "placed" if order.placed:
                await self._confirm(order, order.placed)
            case "placing":
                await self._lost(order)
                await self._find_out(order)
            case _:
                await self._find_out(order)

    async def _begin(self, order: SupplierOrder) -> None:
        """Is it still there, at this price? Then order it."""
        try:
            check = await self._supplier(order).check(order.offer, order.query)
        except ProviderPermanent as error:
            await self._fail(order, error.provider_code or "offer_gone", refusal=error.reasons)
            return
        except ProviderTransient as error:
            await self._wait_or_fail(order, error)
            return
        if (why := refusal_of(check, order)) == "price_changed" and check.total is not None:
            await self._ask_consent(order, check.total)
        elif why:
            await self._fail(order, why)
        else:
            await self._order(order, check)

    async def _order(self, order: SupplierOrder, check: PriceCheck) -> None:
        """Orders, unless the supplier has come to ask for what the booking does not have."""
        try:
            async with self.db.transaction() as tx:
                travelers = await self.travel_documents.load_travelers(tx, order.booking)
        except UnsealError:
            await self._fail(order, "documents_unreadable")
            return
        party = Party(travelers, order.booking.contact.phone)
        violations = find_violations(check.requirements, party, order.offer, self.clock.now().date())
        if violations:
            refusal = tuple(ProviderReason(error.code, error.message, error.pointer) for error in violations)
            await self._fail(order, "requirements_not_met", refusal=refusal)
        elif (started := await self._start(order)) is not None:
            await self._place(started, check, travelers)

    async def _ask_consent(self, order: SupplierOrder, price: Money) -> None:
        """To the new price as it can be charged. One that no payment provider charges ends the booking."""
        charge = self.charge_policy.find_chargeable_amount(price)
        if charge.refusal is not None:
            await self._fail(order, "price_changed")
            return
        async with self.db.transaction() as tx:
            await self.bookings.request_price_consent(
                tx, order.booking, charge.total, self.clock.now() + CONSENT_WINDOW
            )

    async def _wait_or_fail(self, order: SupplierOrder, error: ProviderTransient) -> None:
        """Nothing has been ordered, so waiting costs nothing but time; after a while the money goes back."""
        if self.clock.now() > order.booking.expires_at + SUPPLIER_WAIT_LIMIT:
            await self._fail(order, "supplier_unavailable")
            return
        raise Retry(error.retry_after or 5, "the supplier is not available") from error

    async def _start(self, order: SupplierOrder) -> SupplierOrder | None:
        """Writes down that the supplier is about to be asked. None when the booking has meanwhile ended, or the money
        is not there any more.
        """
        async with self.db.transaction() as tx:
            booking = await self.bookings.find_booking(tx, order.booking.id, lock=True)
            if not needs_order(booking):
                return None
            moved = await self.bookings.transition_booking(tx, booking, BookingStatus.ORDERING)
            if moved is None:
                return None
            await self._set(tx, order, "placing", account=self._supplier(order).account)
        return replace(order, booking=moved, state="placing")

    async def _place(self, order: SupplierOrder, check: PriceCheck, travelers: tuple[Traveler, ...]) -> None:
        request = OrderRequest(
            offer=order.offer,
            query=order.query,
            check=check,
            travelers=travelers,
            contact_email=order.booking.contact.email,
            contact_phone=order.booking.contact.phone,
        )
        try:
            placed = await self._supplier(order).place(request)
        except OutcomeUnknown:
            await self._lost(order)
            return
        except ProviderPermanent as error:
            if (
                error.provider_code == "price_changed"
                and self.clock.now() <= order.booking.expires_at + SUPPLIER_WAIT_LIMIT
            ):
                await self._put_back(order)
                raise Retry(2, "the price has risen between the question and the order") from error
            await self._fail(order, error.provider_code or "order_refused", state="refused", refusal=error.reasons)
            return
        except ProviderTransient as error:
            await self._put_back(order)
            raise Retry(error.retry_after or 5, "the supplier is not available") from error
        async with self.db.transaction() as tx:
            await self._set(tx, order, "placed", placed, was=("placing",))
            await tx.execute(SQL.set_baggage, order.booking.id, [asdict(bags) for bags in placed.baggage])
        await self._confirm(order, placed)

    async def _put_back(self, order: SupplierOrder) -> None:
        """The request never left the house: as if it had not been made."""
        async with self.db.transaction() as tx:
            await self.bookings.transition_booking(tx, order.booking, BookingStatus.PENDING)
            await self._set(tx, order, "none")

    async def _confirm(self, order: SupplierOrder, placed: PlacedOrder) -> None:
        async with self.db.transaction() as tx:
            await self._set(tx, order, "confirming", was=("placed", "confirming", "unknown"))
        try:
            await self._supplier(order).confirm(placed)
        except OutcomeUnknown:
            await self._lost(order)
            return
        except ProviderPermanent as error:
            refused = error.provider_code or "order_refused"
            await self._find_out(replace(order, placed=placed), refused=refused, refusal=error.reasons)
            return
        except ProviderTransient as error:
            async with self.db.transaction() as tx:
                await self._set(tx, order, "placed")
            raise Retry(error.retry_after or 5, "the supplier is not available") from error
        await self._ordered(order, OrderState("confirmed", placed.order_id))

    async def _lost(self, order: SupplierOrder) -> None:
        """The supplier was asked and did not answer. The rescue comes back to it."""
        async with self.db.transaction() as tx:
            await self.bookings.transition_booking(tx, order.booking, BookingStatus.ORDER_UNKNOWN)
            await self._set(tx, order, "unknown")

    async def _find_out(
        self, order: SupplierOrder, *, refused: str | None = None, refusal: tuple[ProviderReason, ...] = ()
    ) -> None:
        """Reads what the supplier has, and goes on from there.

        An order whose number never reached us was not confirmed by us, so no ticket can come of it: suppliers let an
        unconfirmed order lapse by themselves.
        """
        if order.placed is None:
            await self._fail(order, "order_lost", state="refused")
            return
        try:
            state = await self._read(order.booking.supplier, order.placed)
        except ProviderTransient:
            await self._overdue(order)
            raise
        if state is None:
            await self._review(order, "order_missing")
        elif state.status == "confirmed":
            await self._ordered(order, replace(state, pnr=state.pnr or order.placed.order_id))
        elif state.status in {"cancelled", "refused"}:
            await self._fail(order, refused or "order_refused", state="refused", refusal=refusal)
        elif state.status == "placed" and refused is None:
            await self._confirm(order, order.placed)
        elif state.status == "placed" and refused is not None:
            await self._fail(order, refused, state="refused", refusal=refusal)
        else:
            await self._keep_waiting(order)

    async def _read(self, supplier: str, placed: PlacedOrder) -> OrderState | None:
        """The order as its supplier has it; None when it was deleted there, or the hub's account is another one now."""
        try:
            return await self.suppliers[supplier].read(placed)  # type: ignore[no-any-return]
        except ProviderPermanent as error:
            if error.provider_status != _MISSING:
                raise
            return None

    async def _keep_waiting(self, order: SupplierOrder) -> None:
        if order.unknown_since is None or order.state != "unknown":
            await self._lost(order)
        else:
            await self._overdue(order)

    async def _overdue(self, order: SupplierOrder) -> None:
        """An order that has been unknown for too long is for people; it is looked up all the same."""
        if order.unknown_since is not None and self.clock.now() - order.unknown_since > UNKNOWN_ORDER_LIMIT:
            await self._review(order, "no_answer")

    async def _review(self, order: SupplierOrder, reason: str) -> None:
        async with self.db.transaction() as tx:
            await self.review_queue.open_item(tx, "order_unknown", booking_id=order.booking.id, reason=reason)

    async def _ordered(self, order: SupplierOrder, state: OrderState) -> None:
        async with self.db.transaction() as tx:
            await self._set(tx, order, "confirmed")
            await self._found_out(tx, order, "the supplier has confirmed the order")
            await self.tickets.store_references(tx, order.booking.id, state)
            if await self.bookings.transition_booking(tx, order.booking, BookingStatus.ORDERED):
                await self._ask_for_capture(tx, order.booking)

    async def _found_out(self, tx: Tx, order: SupplierOrder, what: str) -> None:
        if order.unknown_since is not None:
            await self.review_queue.close_item(tx, "order_unknown", order.booking.id, what)

    async def _ask_for_capture(self, tx: Tx, booking: Booking) -> None:
        await self.bookings.jobs.enqueue(tx, CapturePayment(booking_id=booking.id), key=f"booking:{booking.id}:capture")

    async def _fail(
        self, order: SupplierOrder, why: str, *, state: str | None = None, refusal: tuple[ProviderReason, ...] = ()
    ) -> None:
        """What a supplier refuses in spite of the checks before it is a rule that the hub does not know: for people."""
        booking = order.booking
        async with self.db.transaction() as tx:
            if state:
                await self._set(tx, order, state)
            await self._found_out(tx, order, why)
            if (
                await self.bookings.end_booking(tx, booking, BookingStatus.FAILED, failure=why, refusal=refusal)
                and refusal
            ):
                reasons = [asdict(reason) for reason in refusal]
                await self.review_queue.open_item(
                    tx, "order_refused", booking_id=booking.id, failure=why, reasons=reasons
                )

    async def _set(
        self,
        tx: Tx,
        order: SupplierOrder,
        state: str,
        placed: PlacedOrder | None = None,
        *,
        was: tuple[str, ...] = (),
        account: str | None = None,
    ) -> None:
        """Raises Retry when the order is not where we left it: our lease has run out, and another has gone on."""
        stored, order_id = (placed.to_json(), placed.order_id) if placed else (None, None)
        facts = (order_id, stored, self.clock.now(), list(was), account)
        row = await tx.fetchrow(SQL.set_order, order.booking.id, state, *facts)
        if row is None:
            raise Retry(5, "another worker has gone on with this order")

    def _supplier(self, order: SupplierOrder) -> Any:
        return self.suppliers[order.booking.supplier]
