"""What has to be true when all is over, by the books of the sandbox and of the hub."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

from adapters.stripe.wire import from_wire_amount
from sandbox.stripe.state import get_stripe_account
from simulation import paypal_objects
from simulation.actions import SimulatedTraveler
from simulation.evidence import BookingEvidence, RuleViolation, RunEvidence
from simulation.invariants import INVARIANTS
from simulation.order_rules import ORDER_RULES

FINAL_STATUSES = frozenset({"confirmed", "failed", "cancelled", "expired"})
AT_REST_QUERY = """
select (select count(*) from pgqueuer where status in ('queued', 'picked')) as jobs,
       (select count(*) from webhook_events where status = 'received') as events,
       (select count(*) from bookings where id = any($1) and (
           status not in ('confirmed', 'failed', 'cancelled', 'expired')
           or payment_status in ('authorised', 'processing', 'unknown'))) as open
"""
DETECTION_DELAY = timedelta(minutes=10)
"""Within this the hub has to have noticed a payment of which nobody tells it."""


BookingRule = Callable[[BookingEvidence], str | None]


async def is_at_rest(server: Any, ids: list[UUID]) -> bool:
    """No job waits and every booking of these has come to an end."""
    rows = await server.fetch_rows(AT_REST_QUERY, ids)
    return not any(rows[0].values())


async def find_violations(evidence: RunEvidence) -> list[RuleViolation]:
    """Every breach of every rule."""
    evidence.bookings = [await _case(evidence, one) for one in evidence.travelers if one.booking is not None]
    evidence.outcomes = [_end(one) for one in evidence.bookings]
    breaches = [
        RuleViolation(rule.__doc__ or rule.__name__, f"booking {case.booking['reference']} ({_end(case)}): {found}")
        for case in evidence.bookings
        for rule in BOOKING_RULES
        if (found := rule(case)) is not None
    ]
    for invariant in INVARIANTS:
        breaches += await invariant(evidence)
    return breaches


def _end(case: BookingEvidence) -> str:
    return f"{case.booking['status']}/{case.booking['payment_status']}{'/attention' if case.has_review_item else ''}"


async def _case(evidence: RunEvidence, who: SimulatedTraveler) -> BookingEvidence:
    server, world = evidence.environment.server, evidence.environment.world
    number = who.booking.id if who.booking else None
    (booking,) = await server.fetch_rows("select * from bookings where id = $1", number)
    payments = await server.fetch_rows("select * from payments where booking_id = $1 order by created_at", number)
    asked = await server.fetch_rows("select kind from attention where booking_id = $1 and resolved_at is null", number)
    tables = get_stripe_account(world).tables
    intents = evidence.actions.list_intents(who)
    at_paypal = paypal_objects.read_paypal_objects(world, {str(row["id"]) for row in payments})
    names = {one["id"] for one in intents}
    of_intent = {kind: [one for one in tables[kind].values() if one["payment_intent"] in names] for kind in (
        "charge", "refund", "dispute"
    )}  # fmt: skip
    reference = booking["reference"]
    return BookingEvidence(
        traveler=who,
        booking=dict(booking),
        payments=[dict(one) for one in payments],
        review_items=[one["kind"] for one in asked],
        intents=intents + at_paypal.intents,
        charges=of_intent["charge"] + at_paypal.charges,
        refunds=[one for one in of_intent["refund"] if one["balance_transaction"] is not None] + at_paypal.refunds,
        disputes=of_intent["dispute"] + at_paypal.disputes,
        orders=evidence.actions.list_orders(who),
        emails=[one for one in world.mailbox if reference in one["subject"]],
        texts=[one for one in world.messages if reference in one["body"]],
        has_lost_webhooks=evidence.has_lost_webhooks,
    )


def check_single_order(case: BookingEvidence) -> str | None:
    """At most one order is confirmed at the supplier"""
    done = sum(one.confirmations for one in case.orders)
    return f"{done} confirmations in {len(case.orders)} orders" if done > 1 else None


def check_single_capture(case: BookingEvidence) -> str | None:
    """The money is taken at most once"""
    replaced = {charge["id"] for charge in case.replaced_partial_captures}
    taken = [one["id"] for one in case.charges if one["captured"] and one["paid"] and one["id"] not in replaced]
    return f"{len(taken)} charges are captured" if len(taken) > 1 else None


def check_single_message(case: BookingEvidence) -> str | None:
    """Of each message there is one"""
    subjects = [one["subject"] for one in case.emails if "Refund" not in one["subject"]]
    doubled = [one for one in set(subjects) if subjects.count(one) > 1]
    if doubled:
        return f"sent twice: {', '.join(doubled)}"
    return f"{len(case.texts)} texts" if len(case.texts) > 1 else None


def check_refund_messages(case: BookingEvidence) -> str | None:
    """Each refund is told once, with its own amount"""
    captured = {one["id"]: one["currency"].upper() for one in case.charges if one["captured"]}
    made = Counter(
        from_wire_amount(one["amount"], captured[one["charge"]]).display
        for one in case.refunds
        if one["charge"] in captured
    )
    subjects = [one["subject"] for one in case.emails if "Refund for booking" in one["subject"]]
    announced = Counter(one.rpartition(": ")[2] for one in subjects if "has not arrived" not in one)
    if announced - made:
        return f"told {dict(announced)}, refunds {dict(made)}"
    lasting = Counter(
        from_wire_amount(one["amount"], captured[one["charge"]]).display
        for one in case.refunds
        if one["charge"] in captured and one["status"] in {"succeeded", "pending"}
    )
    return f"not told: {dict(lasting - announced)}" if lasting - announced and not case.has_lost_webhooks else None


def check_confirmation_messages(case: BookingEvidence) -> str | None:
    """Who is confirmed has been told by e-mail and by text"""
    if case.booking["status"] != "confirmed":
        return None
    mails = [one for one in case.emails if "is confirmed" in one["subject"]]
    return None if len(mails) == 1 and len(case.texts) == 1 else f"{len(mails)} e-mails, {len(case.texts)} texts"


def check_captured_money_has_ticket(case: BookingEvidence) -> str | None:
    """Nothing stays captured without a ticket"""
    kept = case.captured_amount - case.returned_amount
    if case.has_lost_webhooks and any(one["status"] == "failed" for one in case.refunds):
        return None
    if kept <= 0 or case.has_review_item or (case.booking["status"] == "confirmed" and case.ticketed_orders):
        return None
    return f"{kept} of {case.captured_amount} kept, orders {[one.status for one in case.orders]}"


def check_ticket_is_paid(case: BookingEvidence) -> str | None:
    """No ticket is given away"""
    if not case.ticketed_orders or case.captured_amount or case.has_review_item:
        return None
    return f"ticket {case.ticketed_orders[0].id}, nothing was captured"


def check_full_capture(case: BookingEvidence) -> str | None:
    """What is captured is what the booking costs"""
    replaced = {charge["id"] for charge in case.replaced_partial_captures}
    wrong = [charge for charge in case.partial_captures if charge["id"] not in replaced]
    if wrong and (case.booking["status"] == "confirmed" or "capture_mismatch" not in case.review_items):
        return f"{wrong[0]['amount_captured']} of {wrong[0]['amount']}"
    return None


def check_partial_capture_returned(case: BookingEvidence) -> str | None:
    """A part that somebody has captured goes back with its booking"""
    failed = any(one["status"] == "failed" for one in case.refunds)
    kept = case.retained_partial_amount
    if (
        not case.has_partial_captures
        or case.booking["status"] not in FINAL_STATUSES
        or kept <= 0
        or failed
        or case.has_lost_webhooks
    ):
        return None
    return f"{kept} of {sum(charge['amount_captured'] for charge in case.partial_captures)} kept"


def check_no_open_hold(case: BookingEvidence) -> str | None:
    """No money stays held"""
    held = [one for one in case.intents if one["status"] in {"requires_capture", "processing"}]
    return f"{held[0]['id']} is {held[0]['status']}" if held and not case.has_review_item else None


def check_final_status(case: BookingEvidence) -> str | None:
    """Every booking ends, or has an owner"""
    status = case.booking["status"]
    if status in FINAL_STATUSES or case.has_review_item:
        return None
    return f"{status} since {case.booking['updated_at']:%H:%M:%S}"


def check_cancellation_is_final(case: BookingEvidence) -> str | None:
    """What was cancelled stays cancelled"""
    wrong = case.traveler.has_canceled and case.booking["status"] != "cancelled"
    return f"it is {case.booking['status']}" if wrong else None


def check_paid_booking_not_expired(case: BookingEvidence) -> str | None:
    """Who has paid in time is not turned away"""
    if case.booking["status"] != "expired":
        return None
    late = (case.booking["expires_at"] - DETECTION_DELAY).timestamp()
    paid = [one["id"] for one in case.charges if one["paid"] and one["created"] < late]
    return (
        f"{paid[0]} was made in time" if paid and not case.has_lapsed_hold and not case.has_partial_captures else None
    )


def check_payments_match_provider(case: BookingEvidence) -> str | None:
    """The payments are as Stripe has them"""
    for payment in case.payments:
        intent = next((one for one in case.intents if one["id"] == payment["intent_id"]), None)
        if intent is None:
            if payment["intent_id"] is not None:
                return f"{payment['intent_id']} is unknown to Stripe"
            continue
        if payment["status"] not in _STATUS[intent["status"]]:
            return f"payment {payment['status']}, intent {intent['status']}"
        if payment["captured"] != intent["amount_received"]:
            return f"payment captured {payment['captured']}, intent received {intent['amount_received']}"
    unknown = {one["id"] for one in case.intents if one["status"] not in _HARMLESS} - {
        one["intent_id"] for one in case.payments
    }
    return f"not on record: {', '.join(sorted(unknown))}" if unknown else None


_HARMLESS = frozenset({"canceled", "requires_payment_method", "requires_confirmation", "requires_action"})
_STATUS: dict[str, frozenset[str]] = {
    "requires_payment_method": frozenset({"unpaid", "failed", "requires_action"}),
    "requires_confirmation": frozenset({"unpaid"}),
    "requires_action": frozenset({"requires_action", "unpaid"}),
    "processing": frozenset({"processing"}),
    "requires_capture": frozenset({"authorised"}),
    "canceled": frozenset({"released", "failed"}),
    "succeeded": frozenset({"paid", "partially_captured", "partially_refunded", "refunded"}),
}


def check_refunds_match_provider(case: BookingEvidence) -> str | None:
    """What has gone back is on record"""
    if case.has_lost_webhooks:
        return None
    for payment in case.payments:
        charges = {
            one["id"] for one in case.charges if one["payment_intent"] == payment["intent_id"] and one["captured"]
        }
        theirs = sum(
            one["amount"]
            for one in case.refunds
            if one["charge"] in charges and one["status"] in {"succeeded", "pending"}
        )
        if payment["refunded"] != theirs:
            return f"payment refunded {payment['refunded']}, Stripe {theirs}"
    return None


def check_disputes_match_provider(case: BookingEvidence) -> str | None:
    """What a bank has taken back is on record"""
    if case.has_lost_webhooks:
        return None
    ours = sum(one["disputed"] for one in case.payments)
    return f"payments disputed {ours}, Stripe {case.disputed_amount}" if ours != case.disputed_amount else None


def check_payment_status_on_booking(case: BookingEvidence) -> str | None:
    """The booking shows how its payment stands"""
    if not case.payments:
        return None
    latest = next((one["status"] for one in reversed(case.payments) if one["superseded_at"] is None), None)
    if latest is None:
        return None
    shown = case.booking["payment_status"]
    return f"booking {shown}, payment {latest}" if shown != latest else None


def check_review_items_expected(case: BookingEvidence) -> str | None:
    """Nobody is asked to look into what cannot have happened"""
    by_people = {"capture_mismatch"} if case.has_partial_captures else set()
    by_banks = {"dispute_inquiry"} if case.disputes else set()
    wrong = [one for one in case.review_items if one not in EXPECTED_REVIEW_ITEMS | by_people | by_banks]
    return f"attention: {', '.join(wrong)}" if wrong else None


EXPECTED_REVIEW_ITEMS = frozenset({
    "hold_lost", "refund_failed", "dispute", "order_unknown", "refunded_with_ticket", "dispute_lost_with_ticket",
    "money_without_booking", "ticket_without_booking", "booking_without_ticket", "order_unclear", "order_refused",
})  # fmt: skip
"""What the world outside can bring about by itself. The others would be the hub's own doing."""

BOOKING_RULES: tuple[BookingRule, ...] = (
    check_single_order,
    check_single_capture,
    check_single_message,
    check_refund_messages,
    check_confirmation_messages,
    check_captured_money_has_ticket,
    check_ticket_is_paid,
    check_full_capture,
    check_partial_capture_returned,
    check_no_open_hold,
    check_final_status,
    check_cancellation_is_final,
    check_paid_booking_not_expired,
    check_payments_match_provider,
    check_refunds_match_provider,
    check_disputes_match_provider,
    check_payment_status_on_booking,
    check_review_items_expected,
    *ORDER_RULES,
)
