"""The accounts at the payment providers beside the books: intents, refunds, disputes, fees, and the balance."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeGuard, TypeVar
from uuid import UUID

from asyncpg import Record

from hub.core.clock import Clock
from hub.core.context import bind_context
from hub.core.db import Database, Tx
from hub.core.errors import ProviderPermanent
from hub.core.row_failures import RowKey, Sweep
from hub.sales.payments import (
    BalanceMovement,
    GatewayRegistry,
    Intent,
    Payment,
    PaymentGateway,
    PaymentIntents,
    PaymentStateMachine,
    StatementSource,
)
from hub.sales.reconciliation.breaks import SQL, BreakRegister
from hub.sales.reconciliation.comparison import (
    INTENT_KINDS,
    WRITE_OFF_KINDS,
    RecordedPayment,
    can_write_off,
    compute_gap,
    find_balance_difference,
    find_payment_differences,
    find_stray_intent,
    has_unsettled_changes,
)
from hub.sales.reconciliation.model import (
    Break,
    BreakKind,
    ComparisonResult,
    Finding,
    ReconciliationReport,
    add_count,
    add_failure_notes,
)

T = TypeVar("T")

NOT_FOUND_STATUS = 404
STRAY_KINDS = frozenset({BreakKind.STRAY_INTENT, BreakKind.SECOND_INTENT})
MAX_LOOKBACK = timedelta(days=7)
RECHECK_INTERVAL, RECHECK_PERIOD = timedelta(hours=20), timedelta(days=180)
"""How often, and for how long, a captured payment is read again at a provider whose account cannot be listed: PayPal
gives back within 180 days, and a webhook of that may have been lost."""
MAX_SINGLE_READS = 200
"""Payments that are asked for one at a time in a run, of what no list shows: the latest that have changed."""


@dataclass(slots=True)
class ProviderRun:
    """One provider's turn: what it has listed, and what has been compared so far.

    `started_at`: what has changed since then is left to the next run. `account`: payments of another one are not
    compared.
    """

    gateway: PaymentGateway
    since: datetime
    started_at: datetime
    report: ReconciliationReport
    account: str
    intents: list[Intent] = field(default_factory=list)
    movements: list[BalanceMovement] = field(default_factory=list)
    subjects: set[str] = field(default_factory=set)
    findings: list[Finding] = field(default_factory=list)

    def add_findings(self, subject: object, *found: Finding | None) -> None:
        self.subjects.add(str(subject))
        self.findings += [one for one in found if one is not None]

    def get_result(self, kinds: frozenset[BreakKind]) -> ComparisonResult:
        """Of the subjects seen until now."""
        return ComparisonResult(
            kinds, tuple(one for one in self.findings if one.kind in kinds), frozenset(self.subjects)
        )


@dataclass(frozen=True, slots=True)
class PaymentAccountCheck:
    db: Database
    state_machine: PaymentStateMachine
    intents: PaymentIntents
    gateways: GatewayRegistry
    breaks: BreakRegister
    clock: Clock

    async def compare_account(self, gateway: PaymentGateway, since: datetime, report: ReconciliationReport) -> None:
        """Everything of one provider. Raises ProviderError when it cannot be asked."""
        start = await self._from(gateway.name, since)
        turn = ProviderRun(gateway, start, self.clock.now(), report, await gateway.get_account())
        if isinstance(gateway, StatementSource):
            turn.movements = await gateway.list_movements(turn.since)
            turn.intents = await gateway.list_intents(turn.since)
        add_count(report.looked_at, "intents", len(turn.intents))
        add_count(report.looked_at, "movements", len(turn.movements))
        await self._listed(turn)
        await self._one_by_one(turn)
        await self.breaks.store_result(turn.get_result(INTENT_KINDS), report)
        await self._strays(turn)
        await self._fees(turn)
        await self._balance(turn)

    async def _from(self, provider: str, since: datetime) -> datetime:
        """Far enough back for the balances that did not agree: all lines of those payments are wanted once more."""
        async with self.db.transaction() as tx:
            first = await tx.fetchval(SQL.first_of, provider, BreakKind.BALANCE, self.clock.now() - MAX_LOOKBACK)
        return min(since, first or since)

    async def _ledger(self, intents: Iterable[str], payments: Iterable[UUID] = ()) -> list[RecordedPayment]:
        """Those that can be read; the others are recorded as failed rows."""
        async with self.db.transaction() as tx:
            rows = await tx.fetch(SQL.ledger, list(intents), list(payments))
        ours: list[RecordedPayment] = []

        async def read(row: Record) -> None:
            ours.append(RecordedPayment.from_row(row))

        await self._sweep("ledger").process_rows(rows, read, key=_row_key)
        return ours

    async def _listed(self, turn: ProviderRun) -> None:
        known = await self._known(turn.intents)

        async def compare(theirs: Intent) -> None:
            ours = known[theirs.id]
            if _is_its_own(ours, theirs):
                await self._one(ours, theirs, turn)
            else:
                _stray(ours, theirs, turn)

        await self._each(turn, "intents", turn.intents, compare, lambda theirs: _intent_key(theirs, known[theirs.id]))

    async def _each(
        self,
        turn: ProviderRun,
        name: str,
        rows: Iterable[T],
        handle: Callable[[T], Awaitable[None]],
        key: Callable[[T], RowKey],
    ) -> None:
        """Processes the rows in isolation; those that fail are noted in the report."""
        failures = await self._sweep(name).process_rows(rows, handle, key)
        add_failure_notes(turn.report, "accounts", turn.gateway.name, failures)

    def _sweep(self, name: str) -> Sweep:
        return Sweep(f"reconcile.{name}", self.db, self.clock, respects_backoff=False)

    async def _known(self, listed: list[Intent]) -> dict[str, RecordedPayment | None]:
        """By the intent where the books know it, else by the mark that it carries."""
        marks = {one.payment_id for one in listed if one.payment_id is not None}
        rows = await self._ledger((one.id for one in listed), marks)
        by_intent = {one.payment.intent_id: one for one in rows}
        by_id: dict[UUID | None, RecordedPayment] = {one.payment.id: one for one in rows}
        return {one.id: by_intent.get(one.id) or by_id.get(one.payment_id) for one in listed}

    async def _one(self, ours: RecordedPayment, theirs: Intent, turn: ProviderRun) -> None:
        """News are booked; what is small is written off; what remains is a break."""
        if ours.payment.updated_at > turn.started_at:
            return
        with bind_context(booking_id=ours.payment.booking_id):
            if has_unsettled_changes(ours, theirs):
                ours = await self._settled(ours, theirs, turn)
            found = find_payment_differences(ours, theirs)
            if found and can_write_off(ours, theirs) and {one.kind for one in found} <= WRITE_OFF_KINDS:
                found = await self._write_off(ours.payment.id, theirs, turn)
        turn.add_findings(ours.payment.id, *found)

    async def _settled(self, ours: RecordedPayment, theirs: Intent, turn: ProviderRun) -> RecordedPayment:
        async with self.db.transaction() as tx:
            await self.state_machine.settle_payment(tx, ours.payment.id, theirs)
            (row,) = await tx.fetch(SQL.ledger, [], [ours.payment.id])
        add_count(turn.report.mended, "payments_settled")
        return RecordedPayment.from_row(row)

    async def _write_off(self, payment_id: UUID, theirs: Intent, turn: ProviderRun) -> list[Finding]:
        """Under the payment's lock, as it stands there: two runs never write off the same difference."""
        async with self.db.transaction() as tx:
            payment = await self.state_machine.lock_payment(tx, payment_id)
            (row,) = await tx.fetch(SQL.ledger, [], [payment_id])
            ours = RecordedPayment.from_row(row)
            found = find_payment_differences(ours, theirs)
            if not found or not can_write_off(ours, theirs):
                return found
            lost = payment.to_money(compute_gap(ours, theirs))
            await self.state_machine.ledger.post_transaction(tx, payment.owner, "write_off", lost, theirs.id)
            await self.state_machine.audit.record_action(
                tx, "payment.written_off", customer_id=payment.customer_id, booking_id=payment.booking_id,
                amount=lost.display,
            )  # fmt: skip
            await self.breaks.record_write_off(tx, found[0], WRITE_OFF_KINDS, turn.report)
        add_count(turn.report.mended, "written_off")
        return []

    async def _one_by_one(self, turn: ProviderRun) -> None:
        """What no list has shown: older payments that have moved, payments whose intent is not there, open breaks."""
        have, name = {one.id for one in turn.intents}, turn.gateway.name
        kinds, lists = sorted(INTENT_KINDS), isinstance(turn.gateway, StatementSource)
        async with self.db.transaction() as tx:
            rows = await tx.fetch(
                SQL.of_provider, name, turn.since, kinds, sorted(have), not lists, MAX_SINGLE_READS, turn.account
            )
            if not lists:
                rows += await self._unchecked(tx, name)
        wanted = await self._ledger({one.intent_id for one in turn.movements} - have, [row["id"] for row in rows])
        add_count(turn.report.looked_at, "payments_read", len(wanted))

        async def compare(ours: RecordedPayment) -> None:
            theirs = await self._read(ours.payment, turn)
            if theirs is not None:
                await self._one(ours, theirs, turn)

        await self._each(turn, "intents", wanted, compare, lambda ours: _payment_key(ours.payment))

    async def _unchecked(self, tx: Tx, provider: str) -> list[Record]:
        """Captured payments whose turn it is. They count as read at once, so that one that fails holds up no other."""
        now = self.clock.now()
        rows = await tx.fetch(SQL.unchecked, provider, now - RECHECK_PERIOD, now - RECHECK_INTERVAL, MAX_SINGLE_READS)
        await tx.execute(SQL.set_checked, [row["id"] for row in rows], now)
        return list(rows)

    async def _read(self, payment: Payment, turn: ProviderRun) -> Intent | None:
        """None where the provider has no such intent, which is a break."""
        try:
            return await self.intents.read_intent(payment)
        except ProviderPermanent as error:
            if error.provider_status != NOT_FOUND_STATUS:
                raise
            ours = {"intent": payment.intent_id, "status": str(payment.status)}
            theirs = {"provider": payment.provider, "code": error.provider_code or error.code}
            subject = str(payment.id)
            turn.add_findings(
                subject, Finding(BreakKind.INTENT_MISSING, subject, ours, theirs, payment.booking_id, payment.id)
            )
            return None

    async def _strays(self, turn: ProviderRun) -> None:
        """Those of this window, and once more those that are on record from before."""
        have = {one.id for one in turn.intents}
        known = [old for old in await self.breaks.list_open_breaks(STRAY_KINDS) if old.subject not in have]

        async def look_again(old: Break) -> None:
            if old.theirs["provider"] == turn.gateway.name:
                await self._look_again(old.subject, turn)

        await self._each(turn, "strays", known, look_again, lambda old: RowKey(old.subject))
        await self.breaks.store_result(turn.get_result(STRAY_KINDS), turn.report)

    async def _look_again(self, intent_id: str, turn: ProviderRun) -> None:
        try:
            theirs = await turn.gateway.read_intent(intent_id)
        except ProviderPermanent as error:
            if error.provider_status != NOT_FOUND_STATUS:
                raise
            turn.add_findings(intent_id)
            return
        ours = (await self._known([theirs]))[intent_id]
        if _is_its_own(ours, theirs):
            turn.add_findings(intent_id)
        else:
            _stray(ours, theirs, turn)

    async def _fees(self, turn: ProviderRun) -> None:
        """Fees beyond that of the charge, such as a dispute's, booked under the line's own number: once."""
        extra = [one for one in turn.movements if not one.is_charge and one.fee.amount > 0]
        known = {one.payment.intent_id: one.payment for one in await self._ledger({it.intent_id for it in extra})}

        async def book_fee(line: BalanceMovement) -> None:
            payment = known.get(line.intent_id)
            if payment is None:
                return
            async with self.db.transaction() as tx:
                await self.state_machine.lock_payment(tx, payment.id)
                if await tx.fetchval(SQL.fee_booked, payment.id, line.id):
                    return
                await self.state_machine.ledger.post_transaction(tx, payment.owner, "fee", line.fee, line.id)
            add_count(turn.report.mended, "fees_booked")

        await self._each(turn, "fees", extra, book_fee, lambda line: RowKey(line.id))

    async def _balance(self, turn: ProviderRun) -> None:
        """The provider's own sums, of payments that began in this window: all their lines are in it."""
        lines: defaultdict[str, list[BalanceMovement]] = defaultdict(list)
        for one in turn.movements:
            lines[one.intent_id].append(one)
        seen = ProviderRun(turn.gateway, turn.since, turn.started_at, turn.report, turn.account)

        async def compare(ours: RecordedPayment) -> None:
            if ours.payment.updated_at <= turn.started_at:
                mine = lines[str(ours.payment.intent_id)]
                seen.add_findings(ours.payment.id, find_balance_difference(ours, mine))
                _add(turn, ours, mine)

        rows = await self._ledger(one.id for one in turn.intents if one.id in lines)
        await self._each(turn, "balances", rows, compare, lambda ours: _payment_key(ours.payment))
        await self.breaks.store_result(seen.get_result(frozenset({BreakKind.BALANCE})), turn.report)


def _row_key(row: Record) -> RowKey:
    return RowKey(str(row["id"]), row["booking_id"], row["id"])


def _payment_key(payment: Payment) -> RowKey:
    return RowKey(str(payment.id), payment.booking_id, payment.id)


def _intent_key(theirs: Intent, ours: RecordedPayment | None) -> RowKey:
    return _payment_key(ours.payment) if ours is not None else RowKey(theirs.id)


def _is_its_own(ours: RecordedPayment | None, theirs: Intent) -> TypeGuard[RecordedPayment]:
    """Whether it is the intent that the payment has, or may get."""
    return ours is not None and ours.payment.intent_id in {None, theirs.id}


def _stray(ours: RecordedPayment | None, theirs: Intent, turn: ProviderRun) -> None:
    """What somebody makes outside the hub on the same account does not carry our mark, and is none of our business."""
    turn.add_findings(
        theirs.id, find_stray_intent(turn.gateway.name, theirs, ours) if theirs.payment_id is not None else None
    )


def _add(turn: ProviderRun, ours: RecordedPayment, lines: list[BalanceMovement]) -> None:
    """To the sums of the report."""
    currencies = turn.report.sums.setdefault(turn.gateway.name, {})
    for one in lines:
        into = currencies.setdefault(one.amount.currency, {})
        add_count(into, "balance", one.amount.amount)
        add_count(into, "fees", one.fee.amount)
    add_count(currencies.setdefault(ours.payment.amount.currency, {}), "books", ours.expected_balance)
