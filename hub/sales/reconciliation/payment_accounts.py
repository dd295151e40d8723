"""The accounts at the payment providers beside the books: intents, refunds, disputes, fees, and the balance."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeGuard, TypeVar
from uuid import UUID

from asyncpg import Record

from hub.core.clock import Clock
from hub.core.context import about
from hub.core.db import Database, Tx
from hub.core.errors import ProviderPermanent
from hub.core.row_failures import RowKey, Sweep
from hub.sales.payments import Gateway, Gateways, Intent, Ledger, Movement, Payment, Statements
from hub.sales.payments.intents import Intents
from hub.sales.reconciliation.breaks import SQL, Breaks
from hub.sales.reconciliation.comparison import (
    OF_INTENTS,
    SUMS,
    Ours,
    balance_differs,
    differences,
    gap,
    is_news,
    may_be_written_off,
    stray,
)
from hub.sales.reconciliation.model import Break, Found, Kind, Look, Report, count, note_failures

T = TypeVar("T")

MISSING = 404
STRAYS = frozenset({Kind.STRAY_INTENT, Kind.SECOND_INTENT})
FURTHEST = timedelta(days=7)
CHECK_EVERY, CHECK_FOR = timedelta(hours=20), timedelta(days=180)
"""How often, and for how long, a captured payment is read again at a provider whose account cannot be listed: PayPal
gives back within 180 days, and a webhook of that may have been lost."""
ONE_BY_ONE = 200
"""Payments that are asked for one at a time in a run, of what no list shows: the latest that have changed."""


@dataclass(slots=True)
class Round:
    """One provider's turn: what it has listed, and what has been compared so far.

    `began`: what has changed since then is left to the next run. `account`: payments of another one are not compared.
    """

    gateway: Gateway
    since: datetime
    began: datetime
    report: Report
    account: str
    listed: list[Intent] = field(default_factory=list)
    moved: list[Movement] = field(default_factory=list)
    subjects: set[str] = field(default_factory=set)
    found: list[Found] = field(default_factory=list)

    def saw(self, subject: object, *found: Found | None) -> None:
        self.subjects.add(str(subject))
        self.found += [one for one in found if one is not None]

    def looked(self, kinds: frozenset[Kind]) -> Look:
        """Of the subjects seen until now."""
        return Look(kinds, tuple(one for one in self.found if one.kind in kinds), frozenset(self.subjects))


@dataclass(frozen=True, slots=True)
class Accounts:
    db: Database
    ledger: Ledger
    intents: Intents
    gateways: Gateways
    breaks: Breaks
    clock: Clock

    async def compare(self, gateway: Gateway, since: datetime, report: Report) -> None:
        """Everything of one provider. Raises ProviderError when it cannot be asked."""
        start = await self._from(gateway.name, since)
        turn = Round(gateway, start, self.clock.now(), report, await gateway.account())
        if isinstance(gateway, Statements):
            turn.moved = await gateway.movements(turn.since)
            turn.listed = await gateway.intents(turn.since)
        count(report.looked_at, "intents", len(turn.listed))
        count(report.looked_at, "movements", len(turn.moved))
        await self._listed(turn)
        await self._one_by_one(turn)
        await self.breaks.keep(turn.looked(OF_INTENTS), report)
        await self._strays(turn)
        await self._fees(turn)
        await self._balance(turn)

    async def _from(self, provider: str, since: datetime) -> datetime:
        """Far enough back for the balances that did not agree: all lines of those payments are wanted once more."""
        async with self.db.transaction() as tx:
            first = await tx.fetchval(SQL.first_of, provider, Kind.BALANCE, self.clock.now() - FURTHEST)
        return min(since, first or since)

    async def _ledger(self, intents: Iterable[str], payments: Iterable[UUID] = ()) -> list[Ours]:
        """Those that can be read; the others are recorded as failed rows."""
        async with self.db.transaction() as tx:
            rows = await tx.fetch(SQL.ledger, list(intents), list(payments))
        ours: list[Ours] = []

        async def read(row: Record) -> None:
            ours.append(Ours.from_row(row))

        await self._sweep("ledger").process(rows, read, key=_row_key)
        return ours

    async def _listed(self, turn: Round) -> None:
        known = await self._known(turn.listed)

        async def compare(theirs: Intent) -> None:
            ours = known[theirs.id]
            if _is_its_own(ours, theirs):
                await self._one(ours, theirs, turn)
            else:
                _stray(ours, theirs, turn)

        await self._each(turn, "intents", turn.listed, compare, lambda theirs: _intent_key(theirs, known[theirs.id]))

    async def _each(
        self,
        turn: Round,
        name: str,
        rows: Iterable[T],
        handle: Callable[[T], Awaitable[None]],
        key: Callable[[T], RowKey],
    ) -> None:
        """Processes the rows in isolation; those that fail are noted in the report."""
        failures = await self._sweep(name).process(rows, handle, key)
        note_failures(turn.report, "accounts", turn.gateway.name, failures)

    def _sweep(self, name: str) -> Sweep:
        return Sweep(f"reconcile.{name}", self.db, self.clock, waits=False)

    async def _known(self, listed: list[Intent]) -> dict[str, Ours | None]:
        """By the intent where the books know it, else by the mark that it carries."""
        marks = {one.payment_id for one in listed if one.payment_id is not None}
        rows = await self._ledger((one.id for one in listed), marks)
        by_intent = {one.payment.intent_id: one for one in rows}
        by_id: dict[UUID | None, Ours] = {one.payment.id: one for one in rows}
        return {one.id: by_intent.get(one.id) or by_id.get(one.payment_id) for one in listed}

    async def _one(self, ours: Ours, theirs: Intent, turn: Round) -> None:
        """News are booked; what is small is written off; what remains is a break."""
        if ours.payment.updated_at > turn.began:
            return
        with about(booking_id=ours.payment.booking_id):
            if is_news(ours, theirs):
                ours = await self._settled(ours, theirs, turn)
            found = differences(ours, theirs)
            if found and may_be_written_off(ours, theirs) and {one.kind for one in found} <= SUMS:
                found = await self._write_off(ours.payment.id, theirs, turn)
        turn.saw(ours.payment.id, *found)

    async def _settled(self, ours: Ours, theirs: Intent, turn: Round) -> Ours:
        async with self.db.transaction() as tx:
            await self.ledger.settle(tx, ours.payment.id, theirs)
            (row,) = await tx.fetch(SQL.ledger, [], [ours.payment.id])
        count(turn.report.mended, "payments_settled")
        return Ours.from_row(row)

    async def _write_off(self, payment_id: UUID, theirs: Intent, turn: Round) -> list[Found]:
        """Under the payment's lock, as it stands there: two runs never write off the same difference."""
        async with self.db.transaction() as tx:
            payment = await self.ledger.locked(tx, payment_id)
            (row,) = await tx.fetch(SQL.ledger, [], [payment_id])
            ours = Ours.from_row(row)
            found = differences(ours, theirs)
            if not found or not may_be_written_off(ours, theirs):
                return found
            lost = payment.money(gap(ours, theirs))
            await self.ledger.books.post(tx, payment.owner, "write_off", lost, theirs.id)
            await self.ledger.audit.record(
                tx, "payment.written_off", customer_id=payment.customer_id, booking_id=payment.booking_id,
                amount=lost.display,
            )  # fmt: skip
            await self.breaks.written_off(tx, found[0], SUMS, turn.report)
        count(turn.report.mended, "written_off")
        return []

    async def _one_by_one(self, turn: Round) -> None:
        """What no list has shown: older payments that have moved, payments whose intent is not there, open breaks."""
        have, name = {one.id for one in turn.listed}, turn.gateway.name
        kinds, lists = sorted(OF_INTENTS), isinstance(turn.gateway, Statements)
        async with self.db.transaction() as tx:
            rows = await tx.fetch(
                SQL.of_provider, name, turn.since, kinds, sorted(have), not lists, ONE_BY_ONE, turn.account
            )
            if not lists:
                rows += await self._unchecked(tx, name)
        wanted = await self._ledger({one.intent_id for one in turn.moved} - have, [row["id"] for row in rows])
        count(turn.report.looked_at, "payments_read", len(wanted))

        async def compare(ours: Ours) -> None:
            theirs = await self._read(ours.payment, turn)
            if theirs is not None:
                await self._one(ours, theirs, turn)

        await self._each(turn, "intents", wanted, compare, lambda ours: _payment_key(ours.payment))

    async def _unchecked(self, tx: Tx, provider: str) -> list[Record]:
        """Captured payments whose turn it is. They count as read at once, so that one that fails holds up no other."""
        now = self.clock.now()
        rows = await tx.fetch(SQL.unchecked, provider, now - CHECK_FOR, now - CHECK_EVERY, ONE_BY_ONE)
        await tx.execute(SQL.set_checked, [row["id"] for row in rows], now)
        return list(rows)

    async def _read(self, payment: Payment, turn: Round) -> Intent | None:
        """None where the provider has no such intent, which is a break."""
        try:
            return await self.intents.read(payment)
        except ProviderPermanent as error:
            if error.provider_status != MISSING:
                raise
            ours = {"intent": payment.intent_id, "status": str(payment.status)}
            theirs = {"provider": payment.provider, "code": error.provider_code or error.code}
            subject = str(payment.id)
            turn.saw(subject, Found(Kind.INTENT_MISSING, subject, ours, theirs, payment.booking_id, payment.id))
            return None

    async def _strays(self, turn: Round) -> None:
        """Those of this window, and once more those that are on record from before."""
        have = {one.id for one in turn.listed}
        known = [old for old in await self.breaks.open(STRAYS) if old.subject not in have]

        async def look_again(old: Break) -> None:
            if old.theirs["provider"] == turn.gateway.name:
                await self._look_again(old.subject, turn)

        await self._each(turn, "strays", known, look_again, lambda old: RowKey(old.subject))
        await self.breaks.keep(turn.looked(STRAYS), turn.report)

    async def _look_again(self, intent_id: str, turn: Round) -> None:
        try:
            theirs = await turn.gateway.read(intent_id)
        except ProviderPermanent as error:
            if error.provider_status != MISSING:
                raise
            turn.saw(intent_id)
            return
        ours = (await self._known([theirs]))[intent_id]
        if _is_its_own(ours, theirs):
            turn.saw(intent_id)
        else:
            _stray(ours, theirs, turn)

    async def _fees(self, turn: Round) -> None:
        """Fees beyond that of the charge, such as a dispute's, booked under the line's own number: once."""
        extra = [one for one in turn.moved if not one.takes and one.fee.amount > 0]
        known = {one.payment.intent_id: one.payment for one in await self._ledger({it.intent_id for it in extra})}

        async def book_fee(line: Movement) -> None:
            payment = known.get(line.intent_id)
            if payment is None:
                return
            async with self.db.transaction() as tx:
                await self.ledger.locked(tx, payment.id)
                if await tx.fetchval(SQL.fee_booked, payment.id, line.id):
                    return
                await self.ledger.books.post(tx, payment.owner, "fee", line.fee, line.id)
            count(turn.report.mended, "fees_booked")

        await self._each(turn, "fees", extra, book_fee, lambda line: RowKey(line.id))

    async def _balance(self, turn: Round) -> None:
        """The provider's own sums, of payments that began in this window: all their lines are in it."""
        lines: defaultdict[str, list[Movement]] = defaultdict(list)
        for one in turn.moved:
            lines[one.intent_id].append(one)
        seen = Round(turn.gateway, turn.since, turn.began, turn.report, turn.account)

        async def compare(ours: Ours) -> None:
            if ours.payment.updated_at <= turn.began:
                mine = lines[str(ours.payment.intent_id)]
                seen.saw(ours.payment.id, balance_differs(ours, mine))
                _add(turn, ours, mine)

        rows = await self._ledger(one.id for one in turn.listed if one.id in lines)
        await self._each(turn, "balances", rows, compare, lambda ours: _payment_key(ours.payment))
        await self.breaks.keep(seen.looked(frozenset({Kind.BALANCE})), turn.report)


def _row_key(row: Record) -> RowKey:
    return RowKey(str(row["id"]), row["booking_id"], row["id"])


def _payment_key(payment: Payment) -> RowKey:
    return RowKey(str(payment.id), payment.booking_id, payment.id)


def _intent_key(theirs: Intent, ours: Ours | None) -> RowKey:
    return _payment_key(ours.payment) if ours is not None else RowKey(theirs.id)


def _is_its_own(ours: Ours | None, theirs: Intent) -> TypeGuard[Ours]:
    """Whether it is the intent that the payment has, or may get."""
    return ours is not None and ours.payment.intent_id in {None, theirs.id}


def _stray(ours: Ours | None, theirs: Intent, turn: Round) -> None:
    """What somebody makes outside the hub on the same account does not carry our mark, and is none of our business."""
    turn.saw(theirs.id, stray(turn.gateway.name, theirs, ours) if theirs.payment_id is not None else None)


def _add(turn: Round, ours: Ours, lines: list[Movement]) -> None:
    """To the sums of the report."""
    currencies = turn.report.sums.setdefault(turn.gateway.name, {})
    for one in lines:
        into = currencies.setdefault(one.amount.currency, {})
        count(into, "balance", one.amount.amount)
        count(into, "fees", one.fee.amount)
    count(currencies.setdefault(ours.payment.amount.currency, {}), "books", ours.kept)
