"""What has to be true of the hub as a whole when a run is over."""

from collections.abc import Awaitable, Callable

from hub.sales.payments import ledger
from hub.sales.reconciliation.model import FOR_PEOPLE
from simulation.evidence import Breach, Evidence
from simulation.order_checks import documents_sealed
from simulation.unrelated_booking import is_noticed


async def events_done(evidence: Evidence) -> list[Breach]:
    """Every webhook that has arrived is processed, ignored, or failed with its job held"""
    rows = await evidence.stage.server.ask(
        "select provider, type, count(*) from webhook_events where status = 'received' group by 1, 2"
    )
    return [Breach(events_done.__doc__ or "", f"{one['count']} of {one['provider']} {one['type']}") for one in rows]


async def jobs_done(evidence: Evidence) -> list[Breach]:
    """No job is left"""
    rows = await evidence.stage.server.ask(
        "select status::text, entrypoint, headers ->> 'error' as error, headers ->> 'failures' as failures "
        "from pgqueuer"
    )
    return [
        Breach(
            jobs_done.__doc__ or "", f"{one['entrypoint']} is {one['status']} after {one['failures']}: {one['error']}"
        )
        for one in rows
    ]


async def no_breaks(evidence: Evidence) -> list[Breach]:
    """Reconciliation finds nothing that a person does not know of"""
    rows = await evidence.stage.server.ask(
        "select kind, ours::text, theirs::text from breaks b where closed_at is null and kind = any ($1) "
        "and not exists (select 1 from attention a where a.resolved_at is null and b.booking_id = a.booking_id)",
        sorted(FOR_PEOPLE),
    )
    return [Breach(no_breaks.__doc__ or "", f"{one['kind']}: {one['ours']} {one['theirs']}") for one in rows]


async def ledger_balanced(evidence: Evidence) -> list[Breach]:
    """The ledger is balanced"""
    server = evidence.stage.server
    rows = await server.ask(ledger.SQL.check, None)
    mine = {one.party.caller.id for one in evidence.cases} | {p["id"] for c in evidence.cases for p in c.payments}
    return [
        Breach(ledger_balanced.__doc__ or "", f"{one['rule']} {one['detail']}")
        for one in rows
        if one["subject"] in mine
    ]


async def poison_noticed(evidence: Evidence) -> list[Breach]:
    """A row that cannot be processed is on record"""
    poisoned = evidence.acts.poisoned
    if poisoned is None or await is_noticed(evidence.stage, poisoned):
        return []
    return [Breach(poison_noticed.__doc__ or "", "neither in row_failures nor among the review items")]


async def sessions_stand(evidence: Evidence) -> list[Breach]:
    """Refreshing in several tabs ends no session"""
    rows = await evidence.stage.server.ask("select id from sessions where ended_because = 'refresh_token_reused'")
    return [Breach(sessions_stand.__doc__ or "", f"session {row['id']} was ended") for row in rows]


Invariant = Callable[[Evidence], Awaitable[list[Breach]]]
INVARIANTS: tuple[Invariant, ...] = (
    events_done, jobs_done, documents_sealed, no_breaks, ledger_balanced, poison_noticed, sessions_stand,
)  # fmt: skip
"""About the whole. More can be added."""
