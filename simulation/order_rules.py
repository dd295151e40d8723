"""What has to be true of the orders at the supplier, and of what is kept of them."""

from collections.abc import Callable

from simulation.evidence import BookingEvidence, RuleViolation, RunEvidence


def check_refusal_recorded(case: BookingEvidence) -> str | None:
    """What a supplier has refused is kept, and staff are asked about it"""
    kept, asked = bool(case.booking["refusal"]), "order_refused" in case.review_items
    return f"kept {kept}, asked {asked}" if kept != asked else None


def check_bags_ordered(case: BookingEvidence) -> str | None:
    """Every passenger of a ticket has the bags that the offer promised"""
    promised = case.booking["itinerary"]["bags_included"] or 0
    missing = [one.id for one in case.ticketed_orders if any(who["hold_bags"] < promised for who in one.passengers)]
    return f"order {missing[0]} has fewer than {promised}" if missing else None


def check_airline_references(case: BookingEvidence) -> str | None:
    """No airline reference is kept that the supplier has not given"""
    given = {reference for one in case.orders for reference in one.pnrs}
    invented = {one["reference"] for one in case.booking["airline_references"]} - given
    return f"{sorted(invented)} are not of {sorted(given)}" if invented else None


def check_references_announced(case: BookingEvidence) -> str | None:
    """Who is confirmed has each airline reference from a message"""
    if case.booking["status"] != "confirmed":
        return None
    written = " ".join(mail["text"] for mail in case.emails)
    missing = [one["reference"] for one in case.booking["airline_references"] if one["reference"] not in written]
    return f"no message states {missing}" if missing else None


async def check_documents_sealed(evidence: RunEvidence) -> list[RuleViolation]:
    """No passport stands in the clear, and none is lost"""
    rows = await evidence.environment.server.fetch_rows(
        "select count(*) filter (where document_number is not null or document_expires_on is not null) as plain, "
        "count(*) filter (where document is null) as lost from booking_travelers"
    )
    plain, lost = rows[0]["plain"], rows[0]["lost"]
    return (
        [RuleViolation(check_documents_sealed.__doc__ or "", f"{plain} in the clear, {lost} lost")]
        if plain or lost
        else []
    )


ORDER_RULES: tuple[Callable[[BookingEvidence], str | None], ...] = (
    check_refusal_recorded, check_bags_ordered, check_airline_references, check_references_announced,
)  # fmt: skip
