"""What has to be true of the hub as a whole when a run is over."""

from collections.abc import Awaitable, Callable

from hub.sales.payments import ledger
from hub.sales.reconciliation import REVIEWED_KINDS
from simulation.evidence import RuleViolation, RunEvidence
from simulation.order_rules import check_documents_sealed
from simulation.unrelated_booking import is_failure_recorded


async def check_events_processed(evidence: RunEvidence) -> list[RuleViolation]:
    """Every webhook that has arrived is processed, ignored, or failed with its job held"""
    rows = await evidence.environment.server.fetch_rows(
        "select provider, type, count(*) from webhook_events where status = 'received' group by 1, 2"
    )
    return [
        RuleViolation(check_events_processed.__doc__ or "", f"{one['count']} of {one['provider']} {one['type']}")
        for one in rows
    ]


async def check_no_jobs_left(evidence: RunEvidence) -> list[RuleViolation]:
    """No job is left"""
    rows = await evidence.environment.server.fetch_rows(
        "select status::text, entrypoint, headers ->> 'error' as error, headers ->> 'failures' as failures "
        "from pgqueuer"
    )
    return [
        RuleViolation(
            check_no_jobs_left.__doc__ or "",
            f"{one['entrypoint']} is {one['status']} after {one['failures']}: {one['error']}",
        )
        for one in rows
    ]


async def check_reconciliation_clean(evidence: RunEvidence) -> list[RuleViolation]:
    """Reconciliation finds nothing that a person does not know of"""
    rows = await evidence.environment.server.fetch_rows(
        "select kind, ours::text, theirs::text from breaks b where closed_at is null and kind = any ($1) "
        "and not exists (select 1 from attention a where a.resolved_at is null and b.booking_id = a.booking_id)",
        sorted(REVIEWED_KINDS),
    )
    return [
        RuleViolation(check_reconciliation_clean.__doc__ or "", f"{one['kind']}: {one['ours']} {one['theirs']}")
        for one in rows
    ]


async def check_ledger_balance(evidence: RunEvidence) -> list[RuleViolation]:
    """The ledger is balanced"""
    server = evidence.environment.server
    rows = await server.fetch_rows(ledger.SQL.check, None)
    mine = {one.traveler.caller.id for one in evidence.bookings} | {
        p["id"] for c in evidence.bookings for p in c.payments
    }
    return [
        RuleViolation(check_ledger_balance.__doc__ or "", f"{one['rule']} {one['detail']}")
        for one in rows
        if one["subject"] in mine
    ]


async def check_failed_row_recorded(evidence: RunEvidence) -> list[RuleViolation]:
    """A row that cannot be processed is on record"""
    poisoned = evidence.actions.poisoned_payment_id
    if poisoned is None or await is_failure_recorded(evidence.environment, poisoned):
        return []
    return [
        RuleViolation(check_failed_row_recorded.__doc__ or "", "neither in row_failures nor among the review items")
    ]


async def check_sessions_survive_refresh(evidence: RunEvidence) -> list[RuleViolation]:
    """Refreshing in several tabs ends no session"""
    rows = await evidence.environment.server.fetch_rows(
        "select id from sessions where ended_because = 'refresh_token_reused'"
    )
    return [
        RuleViolation(check_sessions_survive_refresh.__doc__ or "", f"session {row['id']} was ended") for row in rows
    ]


Invariant = Callable[[RunEvidence], Awaitable[list[RuleViolation]]]
INVARIANTS: tuple[Invariant, ...] = (
    check_events_processed,
    check_no_jobs_left,
    check_documents_sealed,
    check_reconciliation_clean,
    check_ledger_balance,
    check_failed_row_recorded,
    check_sessions_survive_refresh,
)
"""About the whole. More can be added."""
