"""What has to be true when all is over, by the books of the sandbox and of the hub."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

from adapters.stripe.wire import from_wire
from sandbox.stripe.state import stripe_of
from simulation import paypal_books
from simulation.acts import Party
from simulation.evidence import Breach, Case, Evidence
from simulation.invariants import INVARIANTS
from simulation.order_checks import ORDER_RULES

ENDS = frozenset({"confirmed", "failed", "cancelled", "expired"})
AT_REST = """
select (select count(*) from pgqueuer where status in ('queued', 'picked')) as jobs,
       (select count(*) from webhook_events where status = 'received') as events,
       (select count(*) from bookings where id = any($1) and (
           status not in ('confirmed', 'failed', 'cancelled', 'expired')
           or payment_status in ('authorised', 'processing', 'unknown'))) as open
"""
NOTICED = timedelta(minutes=10)
"""Within this the hub has to have noticed a payment of which nobody tells it."""


Rule = Callable[[Case], str | None]


async def at_rest(server: Any, ids: list[UUID]) -> bool:
    """No job waits and every booking of these has come to an end."""
    rows = await server.ask(AT_REST, ids)
    return not any(rows[0].values())


async def examine(evidence: Evidence) -> list[Breach]:
    """Every breach of every rule."""
    evidence.cases = [await _case(evidence, one) for one in evidence.parties if one.booking is not None]
    evidence.ends = [_end(one) for one in evidence.cases]
    breaches = [
        Breach(rule.__doc__ or rule.__name__, f"booking {case.booking['reference']} ({_end(case)}): {found}")
        for case in evidence.cases
        for rule in RULES
        if (found := rule(case)) is not None
    ]
    for invariant in INVARIANTS:
        breaches += await invariant(evidence)
    return breaches


def _end(case: Case) -> str:
    return f"{case.booking['status']}/{case.booking['payment_status']}{'/attention' if case.owned else ''}"


async def _case(evidence: Evidence, who: Party) -> Case:
    server, world = evidence.stage.server, evidence.stage.world
    number = who.booking.id if who.booking else None
    (booking,) = await server.ask("select * from bookings where id = $1", number)
    payments = await server.ask("select * from payments where booking_id = $1 order by created_at", number)
    asked = await server.ask("select kind from attention where booking_id = $1 and resolved_at is null", number)
    tables = stripe_of(world).tables
    intents = evidence.acts.intents(who)
    at_paypal = paypal_books.read(world, {str(row["id"]) for row in payments})
    names = {one["id"] for one in intents}
    of_intent = {kind: [one for one in tables[kind].values() if one["payment_intent"] in names] for kind in (
        "charge", "refund", "dispute"
    )}  # fmt: skip
    reference = booking["reference"]
    return Case(
        party=who,
        booking=dict(booking),
        payments=[dict(one) for one in payments],
        attention=[one["kind"] for one in asked],
        intents=intents + at_paypal.intents,
        charges=of_intent["charge"] + at_paypal.charges,
        refunds=[one for one in of_intent["refund"] if one["balance_transaction"] is not None] + at_paypal.refunds,
        disputes=of_intent["dispute"] + at_paypal.disputes,
        orders=evidence.acts.orders(who),
        mails=[one for one in world.mailbox if reference in one["subject"]],
        texts=[one for one in world.messages if reference in one["body"]],
        unheard=evidence.unheard,
    )


def one_order(case: Case) -> str | None:
    """At most one order is confirmed at the supplier"""
    done = sum(one.confirms_done for one in case.orders)
    return f"{done} confirmations in {len(case.orders)} orders" if done > 1 else None


def one_capture(case: Case) -> str | None:
    """The money is taken at most once"""
    replaced = {charge["id"] for charge in case.replaced_parts}
    taken = [one["id"] for one in case.charges if one["captured"] and one["paid"] and one["id"] not in replaced]
    return f"{len(taken)} charges are captured" if len(taken) > 1 else None


def one_message(case: Case) -> str | None:
    """Of each message there is one"""
    subjects = [one["subject"] for one in case.mails if "Refund" not in one["subject"]]
    doubled = [one for one in set(subjects) if subjects.count(one) > 1]
    if doubled:
        return f"sent twice: {', '.join(doubled)}"
    return f"{len(case.texts)} texts" if len(case.texts) > 1 else None


def refunds_told(case: Case) -> str | None:
    """Each refund is told once, with its own amount"""
    captured = {one["id"]: one["currency"].upper() for one in case.charges if one["captured"]}
    made = Counter(
        from_wire(one["amount"], captured[one["charge"]]).display for one in case.refunds if one["charge"] in captured
    )
    subjects = [one["subject"] for one in case.mails if "Refund for booking" in one["subject"]]
    announced = Counter(one.rpartition(": ")[2] for one in subjects if "has not arrived" not in one)
    if announced - made:
        return f"told {dict(announced)}, refunds {dict(made)}"
    lasting = Counter(
        from_wire(one["amount"], captured[one["charge"]]).display
        for one in case.refunds
        if one["charge"] in captured and one["status"] in {"succeeded", "pending"}
    )
    return f"not told: {dict(lasting - announced)}" if lasting - announced and not case.unheard else None


def told(case: Case) -> str | None:
    """Who is confirmed has been told by e-mail and by text"""
    if case.booking["status"] != "confirmed":
        return None
    mails = [one for one in case.mails if "is confirmed" in one["subject"]]
    return None if len(mails) == 1 and len(case.texts) == 1 else f"{len(mails)} e-mails, {len(case.texts)} texts"


def money_for_ticket(case: Case) -> str | None:
    """Nothing stays captured without a ticket"""
    kept = case.taken - case.returned
    if case.unheard and any(one["status"] == "failed" for one in case.refunds):
        return None
    if kept <= 0 or case.owned or (case.booking["status"] == "confirmed" and case.ticketed):
        return None
    return f"{kept} of {case.taken} kept, orders {[one.status for one in case.orders]}"


def ticket_for_money(case: Case) -> str | None:
    """No ticket is given away"""
    if not case.ticketed or case.taken or case.owned:
        return None
    return f"ticket {case.ticketed[0].id}, nothing was captured"


def whole_sum(case: Case) -> str | None:
    """What is captured is what the booking costs"""
    replaced = {charge["id"] for charge in case.replaced_parts}
    wrong = [charge for charge in case.parts if charge["id"] not in replaced]
    if wrong and (case.booking["status"] == "confirmed" or "capture_mismatch" not in case.attention):
        return f"{wrong[0]['amount_captured']} of {wrong[0]['amount']}"
    return None


def part_goes_back(case: Case) -> str | None:
    """A part that somebody has captured goes back with its booking"""
    failed = any(one["status"] == "failed" for one in case.refunds)
    kept = case.kept_of_parts
    if not case.in_part or case.booking["status"] not in ENDS or kept <= 0 or failed or case.unheard:
        return None
    return f"{kept} of {sum(charge['amount_captured'] for charge in case.parts)} kept"


def held_for_nothing(case: Case) -> str | None:
    """No money stays held"""
    held = [one for one in case.intents if one["status"] in {"requires_capture", "processing"}]
    return f"{held[0]['id']} is {held[0]['status']}" if held and not case.owned else None


def came_to_an_end(case: Case) -> str | None:
    """Every booking ends, or has an owner"""
    status = case.booking["status"]
    if status in ENDS or case.owned:
        return None
    return f"{status} since {case.booking['updated_at']:%H:%M:%S}"


def stays_cancelled(case: Case) -> str | None:
    """What was cancelled stays cancelled"""
    wrong = case.party.cancelled and case.booking["status"] != "cancelled"
    return f"it is {case.booking['status']}" if wrong else None


def paid_in_time(case: Case) -> str | None:
    """Who has paid in time is not turned away"""
    if case.booking["status"] != "expired":
        return None
    late = (case.booking["expires_at"] - NOTICED).timestamp()
    paid = [one["id"] for one in case.charges if one["paid"] and one["created"] < late]
    return f"{paid[0]} was made in time" if paid and not case.lapsed and not case.in_part else None


def books_agree(case: Case) -> str | None:
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


def refunds_agree(case: Case) -> str | None:
    """What has gone back is on record"""
    if case.unheard:
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


def disputes_agree(case: Case) -> str | None:
    """What a bank has taken back is on record"""
    if case.unheard:
        return None
    ours = sum(one["disputed"] for one in case.payments)
    return f"payments disputed {ours}, Stripe {case.disputed}" if ours != case.disputed else None


def booking_shows_payment(case: Case) -> str | None:
    """The booking shows how its payment stands"""
    if not case.payments:
        return None
    latest = next((one["status"] for one in reversed(case.payments) if one["superseded_at"] is None), None)
    if latest is None:
        return None
    shown = case.booking["payment_status"]
    return f"booking {shown}, payment {latest}" if shown != latest else None


def no_false_alarm(case: Case) -> str | None:
    """Nobody is asked to look into what cannot have happened"""
    by_people = {"capture_mismatch"} if case.in_part else set()
    by_banks = {"dispute_inquiry"} if case.disputes else set()
    wrong = [one for one in case.attention if one not in EXPECTED | by_people | by_banks]
    return f"attention: {', '.join(wrong)}" if wrong else None


EXPECTED = frozenset({
    "hold_lost", "refund_failed", "dispute", "order_unknown", "refunded_with_ticket", "dispute_lost_with_ticket",
    "money_without_booking", "ticket_without_booking", "booking_without_ticket", "order_unclear", "order_refused",
})  # fmt: skip
"""What the world outside can bring about by itself. The others would be the hub's own doing."""

RULES: tuple[Rule, ...] = (
    one_order, one_capture, one_message, refunds_told, told, money_for_ticket, ticket_for_money, whole_sum,
    part_goes_back, held_for_nothing, came_to_an_end, stays_cancelled, paid_in_time, books_agree, refunds_agree,
    disputes_agree, booking_shows_payment, no_false_alarm, *ORDER_RULES,
)  # fmt: skip
