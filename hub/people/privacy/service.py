"""What travellers may ask about their data: to have it, to see what was done, to be forgotten."""

from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from asyncpg import Record

from hub.core.clock import Clock
from hub.core.db import Database, Tx
from hub.core.errors import NotFound, ProviderError
from hub.core.jobs import JobQueue, every, job
from hub.core.row_failures import RowKey, Sweep
from hub.oversight.audit import AuditLog
from hub.people.identity import Caller, Identity, IdentityProvider
from hub.people.privacy.activity import ActivityEntry, describe_action
from hub.people.privacy.erasure import SQL, anonymize_audit_trail, anonymize_customer, check_no_open_bookings
from hub.people.privacy.export import DataExport, read_personal_data
from hub.people.privacy.jobs import EraseTraces, ForgetCustomer
from hub.people.privacy.ports import DocumentReader, PaymentCustomers

TRACE_DELAYS = (timedelta(minutes=1), timedelta(hours=1), timedelta(days=4))
"""When what was still on its way is looked for.

Soon, when every access token is over, and when nobody repeats a webhook any more (Stripe: 3 days).
"""
EVENT_MARGIN = timedelta(days=1)
"""A remote identity provider may speak of a customer before the hub has written them down."""
EVENTS_PER_PAGE = 2000
"""Events looked through in one statement."""
_ABOVE_ALL = 2**63 - 1


@dataclass(frozen=True, slots=True)
class PrivacyService:
    """Each method is one unit of work; the jobs may be repeated. `gateway` is None where payments are off."""

    db: Database
    audit: AuditLog
    jobs: JobQueue
    clock: Clock
    gateway: PaymentCustomers | None
    provider: IdentityProvider
    documents: DocumentReader

    async def export_data(self, caller: Caller) -> DataExport:
        """All of the caller's data and only theirs: row-level security chooses. Raises NotFound after an erasure."""
        async with self.db.transaction(caller.id) as tx:
            kinds = await read_personal_data(tx)
            if not kinds["profile"]:
                raise NotFound("This account does not exist any more.", code="customer_not_found")
            kinds["travelers"] = [self.documents.reveal_document(row) for row in kinds["travelers"]]
            counts = {kind: len(rows) for kind, rows in kinds.items() if rows}
            await self.audit.record_action(tx, "customer.exported", customer_id=caller.id, entries=counts)
        return DataExport(caller.id, self.clock.now(), kinds)

    async def list_activity(self, caller: Caller, *, page: int, page_size: int) -> tuple[list[ActivityEntry], int]:
        """What happened around the caller's account, the newest first, and how much there is."""
        async with self.db.transaction(caller.id) as tx:
            rows = await tx.fetch(SQL.activity, page_size, (page - 1) * page_size)
            total = rows[0]["total"] if rows else await tx.fetchval(SQL.count_activity)
        acts = [{name: value for name, value in row.items() if name != "total"} for row in rows]
        return [ActivityEntry(what=describe_action(act["action"]), **act) for act in acts], total

    async def erase_account(self, caller: Caller) -> None:
        """Ends the account. Amounts, currencies, dates, references and statuses stay; the person does not.

        Whoever calls this has had the password confirmed. The providers follow, in a job. Raises Conflict
        `open_bookings` while a journey or its money is open, NotFound for who is erased already.
        """
        now = self.clock.now()
        async with self.db.transaction() as tx:
            await check_no_open_bookings(tx, caller.id, now)
            counts = await anonymize_customer(tx, caller.id, now)
            await self.audit.record_action(tx, "customer.erased", customer_id=caller.id, rows=counts)
            await anonymize_audit_trail(tx, caller.id)
            await self._enqueue_forgetting(tx, caller.id)

    @job
    async def forget_at_providers(self, work: ForgetCustomer) -> None:
        """Each provider is asked, also when another fails. Raises the first failure, to be asked again."""
        async with self.db.transaction() as tx:
            row = await tx.fetchrow(SQL.erased, work.customer_id)
            known = row is not None and not await tx.fetchval(SQL.is_forgotten_by, row["id"], self.provider.name)
        if row is None:
            return
        failures = [await _failure(self._forget_payer(row["id"], row["payment_customer_id"]))]
        if known:
            failures.append(await _failure(self._forget_identity(Identity(row["id"], row["email"]))))
        for error in filter(None, failures):
            raise error

    @job
    async def erase_traces(self, work: EraseTraces) -> None:
        """Empties what came in while the customer was being erased, and every event that speaks of them."""
        async with self.db.transaction() as tx:
            row = await tx.fetchrow(SQL.erased, work.customer_id)
            if row is None:
                return
            await anonymize_customer(tx, work.customer_id, self.clock.now())
            await anonymize_audit_trail(tx, work.customer_id)
            marks = await tx.fetchval(SQL.marks, work.customer_id, work.payment_customer_id)
        await self._empty_events(marks, row["created_at"] - EVENT_MARGIN)

    @every(3600, "privacy.sweep")
    async def sweep_unforgotten(self) -> None:
        """Who was erased is forgotten in the end, however long a provider was away."""
        async with self.db.transaction() as tx:
            rows = await tx.fetch(SQL.not_forgotten, self.provider.name, self.gateway is not None)
        sweep = Sweep("privacy.enqueue", self.db, self.clock)
        await sweep.process_rows(rows, self._forget_later, key=lambda row: RowKey(str(row["id"])))

    async def _forget_later(self, row: Record) -> None:
        async with self.db.transaction() as tx:
            await self._enqueue_forgetting(tx, row["id"])

    async def _forget_payer(self, customer_id: UUID, known_as: str | None) -> None:
        if self.gateway is None or known_as is None:
            return
        await self.gateway.forget_customer(known_as, key=f"customer:{customer_id}:forget")
        await self._forgotten(customer_id, self.gateway.name, known_as)

    async def _forget_identity(self, identity: Identity) -> None:
        await self.provider.delete_identity(identity)
        await self._forgotten(identity.id, self.provider.name, None)

    async def _forgotten(self, customer_id: UUID, provider: str, known_as: str | None) -> None:
        """Written down once, however often the provider was asked; what it still says afterwards is looked for."""
        async with self.db.transaction() as tx:
            await tx.fetchval(SQL.lock_erased, customer_id)
            if known_as is not None:
                is_news = await tx.fetchval(SQL.drop_payment_customer, customer_id, known_as) is not None
            else:
                is_news = not await tx.fetchval(SQL.is_forgotten_by, customer_id, provider)
            if not is_news:
                return
            await self.audit.record_action(tx, "customer.forgotten", customer_id=customer_id, provider=provider)
            work = EraseTraces(customer_id=customer_id, payment_customer_id=known_as)
            for delay in TRACE_DELAYS:
                key = f"customer:{customer_id}:traces:{provider}:{delay.total_seconds():.0f}"
                await self.jobs.enqueue(tx, work, key=key, delay=delay.total_seconds())

    async def _empty_events(self, marks: list[str], since: datetime) -> None:
        """Page by page, each a transaction of its own: this table is long."""
        below: int | None = _ABOVE_ALL
        while below is not None:
            async with self.db.transaction() as tx:
                page = await tx.fetchrow(SQL.empty_events, below, EVENTS_PER_PAGE, marks)
            below = page["last"] if page and page["oldest"] and page["oldest"] >= since else None

    async def _enqueue_forgetting(self, tx: Tx, customer_id: UUID) -> None:
        await self.jobs.enqueue(tx, ForgetCustomer(customer_id=customer_id), key=f"customer:{customer_id}:forget")


async def _failure(step: Awaitable[None]) -> ProviderError | None:
    try:
        await step
    except ProviderError as error:
        return error
    return None
