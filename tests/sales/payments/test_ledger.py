"""Whatever a provider says in whatever order, the books balance and agree with the payment."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.core.clock import IdGenerator, SystemClock
from hub.core.db import Database
from hub.core.jobs import JobQueue
from hub.core.money import Money
from hub.oversight.audit import AuditLog
from hub.oversight.review_queue import ReviewQueue
from hub.sales.bookings import PaymentStatus
from hub.sales.bookings.repository import BookingRepository
from hub.sales.payments import Intent, PaymentStateMachine, ProviderDispute, ProviderRefund
from hub.sales.payments.ledger import Ledger, find_imbalances

NOW = datetime(2027, 1, 1, tzinfo=UTC)
PRICE = 10_000
WHOLE = Money(PRICE, "EUR")


@pytest.fixture
def ledger(db: Database) -> PaymentStateMachine:
    clock = SystemClock()
    ids, audit, jobs = IdGenerator(clock), AuditLog(clock), JobQueue()
    store = BookingRepository(jobs, audit, clock)
    return PaymentStateMachine(store, jobs, audit, Ledger(clock, ids), ReviewQueue(db, audit, clock, ids), clock, ids)


async def payment(db: Database, status: str = "pending") -> UUID:
    """A booking with an unpaid payment of 100.00 EUR."""
    key = uuid4()
    async with db.transaction() as tx:
        await tx.execute(
            "insert into customers (id, email, name, created_at) values ($1, $2, 'Ada', $3)", key, f"{key}@e.com", NOW
        )
        await tx.execute(
            "insert into bookings (id, reference, customer_id, status, amount, currency, offer_id, supplier, "
            "itinerary, sandbox, contact_email, created_at, updated_at, expires_at) "
            "values ($1, $2, $1, $3, $4, 'EUR', 'o', 'kiwi', '{}', true, 'a@e.com', $5, $5, $5)",
            key, str(key)[:8], status, PRICE, NOW,
        )  # fmt: skip
        await tx.execute(
            "insert into payments (id, booking_id, customer_id, provider, amount, currency, created_at, updated_at) "
            "values ($1, $1, $1, 'stripe', $2, 'EUR', $3, $3)",
            key, PRICE, NOW,
        )  # fmt: skip
    return key


def said(status: PaymentStatus, captured: int = 0, **more: Any) -> Intent:
    return Intent("pi_1", None, Money(PRICE, "EUR"), status, captured, refunds=more.pop("refunds", ()), **more)


async def settled(db: Database, ledger: PaymentStateMachine, key: UUID, *news: Intent) -> dict[str, Any]:
    """The payment after the news, with the balances of its accounts; every rule of the books has held."""
    for one in news:
        async with db.transaction() as tx:
            await ledger.settle_payment(tx, key, replace(one, id=f"pi_{key}"))
    async with db.transaction() as tx:
        assert [one for one in await find_imbalances(tx) if one.rule != "a confirmed booking is paid for"] == []
        row = dict(await tx.fetchrow("select * from payments where id = $1", key))
        return row | {"balances": await ledger.ledger.get_balances(tx, key)}


async def test_held_then_taken(db: Database, ledger: PaymentStateMachine):
    key = await payment(db)
    held = await settled(db, ledger, key, said(PaymentStatus.AUTHORIZED))
    assert held["balances"] == {"traveller": -PRICE, "held": PRICE}
    taken = await settled(db, ledger, key, said(PaymentStatus.PAID, PRICE), said(PaymentStatus.PAID, PRICE))
    assert {name: left for name, left in taken["balances"].items() if left} == {"traveller": -PRICE, "taken": PRICE}


async def test_a_hold_that_is_let_go_leaves_nothing(db: Database, ledger: PaymentStateMachine):
    key = await payment(db)
    gone = await settled(db, ledger, key, said(PaymentStatus.AUTHORIZED), said(PaymentStatus.RELEASED))
    assert set(gone["balances"].values()) == {0}


async def test_a_refund_that_fails_is_money_that_is_still_ours(db: Database, ledger: PaymentStateMachine):
    key, back = await payment(db), ProviderRefund("re_1", 4_000, "succeeded")
    part = await settled(db, ledger, key, said(PaymentStatus.PAID, PRICE, refunds=(back,)))
    assert (part["status"], part["refunded"]) == ("partially_refunded", 4_000)
    failed = said(PaymentStatus.PAID, PRICE, refunds=(replace(back, status="failed"),))
    again = await settled(db, ledger, key, failed, said(PaymentStatus.PAID, PRICE, refunds=(back,)))
    assert (again["status"], again["refunded"], again["balances"]["taken"]) == ("paid", 0, PRICE)


def disputed(status: Any, minute: int | None = None, amount: Money = WHOLE, **more: Any) -> ProviderDispute:
    """As the provider showed it in that minute."""
    return ProviderDispute("du_1", amount, status, seen_at=minute and NOW + timedelta(minutes=minute), **more)


@pytest.mark.parametrize(
    ("end", "taken", "away"), [("won", PRICE, 0), ("lost", 0, PRICE), ("open", 0, PRICE), ("inquiry", PRICE, 0)]
)
async def test_a_dispute_takes_the_money_until_it_is_won(
    db: Database, ledger: PaymentStateMachine, end: Any, taken: int, away: int
):
    key = await payment(db)
    opened = said(PaymentStatus.PAID, PRICE, disputes=(disputed("open", minute=1),))
    ended = said(PaymentStatus.PAID, PRICE, disputes=(disputed(end, minute=2),))
    found = await settled(db, ledger, key, opened, ended, opened)
    assert (found["balances"]["taken"], found["disputed"]) == (taken, away)
    async with db.transaction() as tx:
        assert await tx.fetchval("select count(*) from attention where kind = 'dispute'") == 1


ROUNDS = st.lists(st.sampled_from(["inquiry", "open", "won", "lost"]), min_size=1, max_size=8)
WHERE = {"inquiry": "taken", "won": "taken", "open": "disputed", "lost": "traveller"}


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rounds=ROUNDS)
async def test_the_books_follow_the_latest_round_of_a_dispute(
    db: Database, ledger: PaymentStateMachine, rounds: list[Any]
):
    key = await payment(db)
    news = [said(PaymentStatus.PAID, PRICE, disputes=(replace(disputed(status), id=f"du_{key}"),)) for status in rounds]
    balances = (await settled(db, ledger, key, *news))["balances"]
    accounts = {name: balance for name, balance in balances.items() if name != "traveller" and balance}
    assert accounts == ({WHERE[rounds[-1]]: PRICE} if rounds[-1] != "lost" else {})


async def test_a_dispute_in_another_currency_is_booked_by_what_the_bank_took(db: Database, ledger: PaymentStateMachine):
    key, dollars = await payment(db), Money(11_000, "USD")
    known = disputed("open", amount=dollars, withdrawn=Money(9_800, "EUR"))
    found = await settled(db, ledger, key, said(PaymentStatus.PAID, PRICE, disputes=(known,)))
    assert (found["disputed"], found["balances"]["disputed"]) == (9_800, 9_800)
    async with db.transaction() as tx:
        row = await tx.fetchrow("select amount, currency, booked from disputes")
    assert tuple(row) == (11_000, "USD", 9_800)


async def test_a_dispute_whose_worth_is_not_known_takes_what_is_left(db: Database, ledger: PaymentStateMachine):
    key, dollars = await payment(db), Money(11_000, "USD")
    back, open_ = ProviderRefund("re_1", 4_000, "succeeded"), disputed("open", amount=dollars)
    news = said(PaymentStatus.PAID, PRICE, refunds=(back,), disputes=(open_,))
    found = await settled(db, ledger, key, news, news)
    assert (found["disputed"], found["balances"]["taken"]) == (6_000, 0)


async def test_a_dispute_that_grows_is_booked_anew(db: Database, ledger: PaymentStateMachine):
    key = await payment(db)
    first, second = disputed("open", amount=Money(3_000, "EUR")), disputed("lost", amount=Money(5_000, "EUR"))
    news = [said(PaymentStatus.PAID, PRICE, disputes=(dispute,)) for dispute in (first, second)]
    found = await settled(db, ledger, key, *news)
    assert (found["disputed"], found["balances"]["taken"], found["balances"]["disputed"]) == (5_000, 5_000, 0)


async def test_a_fee_is_booked_once_in_its_own_currency(db: Database, ledger: PaymentStateMachine):
    key, paid = await payment(db), said(PaymentStatus.PAID, PRICE, fee=Money(330, "GBP"))
    found = await settled(db, ledger, key, paid, paid)
    assert (found["fee"], found["fee_currency"]) == (330, "GBP")
    async with db.transaction() as tx:
        assert await tx.fetchval("select count(*) from transactions where kind = 'fee' and currency = 'GBP'") == 1


async def test_another_sum_than_ours_confirms_nothing_and_is_a_matter_for_people(
    db: Database, ledger: PaymentStateMachine
):
    key = await payment(db)
    wrong = replace(said(PaymentStatus.PAID, PRICE), amount=Money(PRICE - 1, "EUR"))
    found = await settled(db, ledger, key, wrong, wrong)
    assert (found["status"], found["balances"]) == ("unpaid", {})
    async with db.transaction() as tx:
        assert await tx.fetchval("select array_agg(kind) from attention") == ["payment_mismatch"]


async def captured_matters(db: Database) -> list[str]:
    async with db.transaction() as tx:
        rows = await tx.fetch("select kind from attention where kind = 'capture_mismatch' and resolved_at is null")
        return [row["kind"] for row in rows]


@pytest.mark.parametrize("held", [True, False])
@pytest.mark.parametrize("part", [PRICE // 5, PRICE - 1, PRICE + 1, PRICE * 2])
async def test_another_sum_than_the_price_was_captured(
    db: Database, ledger: PaymentStateMachine, part: int, held: bool
):
    key = await payment(db)
    status = PaymentStatus.PARTIALLY_CAPTURED if part < PRICE else PaymentStatus.PAID
    before = [said(PaymentStatus.AUTHORIZED)] if held else []
    found = await settled(db, ledger, key, *before, said(status, part), said(status, part))
    assert (found["status"], found["captured"], found["refunded"]) == (status, part, 0)
    assert (found["balances"]["taken"], await captured_matters(db)) == (part, ["capture_mismatch"])


async def test_the_rest_is_captured_and_the_matter_is_settled(db: Database, ledger: PaymentStateMachine):
    key, part = await payment(db), said(PaymentStatus.PARTIALLY_CAPTURED, 2_000)
    found = await settled(db, ledger, key, said(PaymentStatus.AUTHORIZED), part, said(PaymentStatus.PAID, PRICE))
    assert (found["status"], found["balances"]["taken"], await captured_matters(db)) == ("paid", PRICE, [])


async def test_more_back_than_was_captured_is_for_people_and_stops_nothing(db: Database, ledger: PaymentStateMachine):
    key = await payment(db)
    found = await settled(db, ledger, key, said(PaymentStatus.PAID, 2_000, refunded=4_000))
    assert (found["status"], found["captured"]) == ("unpaid", 0)
    async with db.transaction() as tx:
        assert await tx.fetchval("select array_agg(kind) from attention") == ["payment_mismatch"]


async def test_the_database_refuses_what_does_not_balance(db: Database, ledger: PaymentStateMachine):
    key = await payment(db)
    await settled(db, ledger, key, said(PaymentStatus.AUTHORIZED))
    with pytest.raises(asyncpg.CheckViolationError, match="does not balance"):
        async with db.transaction() as tx:
            await tx.execute("update postings set amount = amount + 1 where account = 'held'")


@pytest.mark.parametrize(
    ("spoil", "rule"),
    [
        ("update payments set captured = captured - 1", "what is taken is what was captured and is not back"),
        ("update payments set status = 'authorised'", "what is held is what is authorised"),
        ("update bookings set payment_status = 'unpaid'", "the booking shows its payment"),
        ("update refunds set amount = 9999", "the payment knows its refunds"),
        ("update bookings set status = 'confirmed', amount = 20000", "a confirmed booking is paid for"),
        ("update payments set refunded = 1", "the payment knows its refunds"),
    ],
)
async def test_the_check_finds_what_is_spoilt(db: Database, ledger: PaymentStateMachine, spoil: str, rule: str):
    key = await payment(db)
    await settled(db, ledger, key, said(PaymentStatus.PAID, PRICE, refunds=(ProviderRefund("re_1", 100, "pending"),)))
    async with db.transaction() as tx:
        await tx.execute(spoil)
        assert rule in {one.rule for one in await find_imbalances(tx)}


REFUND = st.builds(
    ProviderRefund,
    st.sampled_from(["re_1", "re_2", "re_3"]),
    st.just(3_000),
    st.sampled_from(["pending", "succeeded", "failed"]),
)
DISPUTE = st.builds(
    ProviderDispute,
    st.sampled_from(["du_1", "du_2"]),
    st.sampled_from([Money(1_000, "EUR"), Money(2_500, "EUR"), Money(900, "USD")]),
    st.sampled_from(["inquiry", "open", "won", "lost"]),
    withdrawn=st.none() | st.just(Money(1_100, "EUR")),
)
NEWS = st.builds(
    lambda status, captured, refunds, dispute: said(
        status,
        captured if status is PaymentStatus.PAID else 0,
        refunds=tuple({one.id: one for one in refunds}.values()) if status is PaymentStatus.PAID else (),
        disputes=(dispute,) if dispute and status is PaymentStatus.PAID else (),
    ),
    st.sampled_from([
        PaymentStatus.UNPAID, PaymentStatus.REQUIRES_ACTION, PaymentStatus.PROCESSING, PaymentStatus.AUTHORIZED,
        PaymentStatus.PAID, PaymentStatus.RELEASED, PaymentStatus.FAILED,
    ]),
    st.sampled_from([PRICE, PRICE, PRICE - 500, PRICE + 500]),
    st.lists(REFUND, max_size=3),
    st.none() | DISPUTE,
)  # fmt: skip


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(news=st.lists(NEWS, max_size=8))
async def test_no_order_of_news_unbalances_the_books(db: Database, ledger: PaymentStateMachine, news: list[Intent]):
    """Statuses, refunds and disputes in any order, doubled and stale: `settled` checks every rule after each."""
    key = await payment(db)
    marked = [
        replace(
            one,
            refunds=tuple(replace(back, id=f"{back.id}:{key}") for back in one.refunds or ()),
            disputes=tuple(replace(case, id=f"{case.id}:{key}") for case in one.disputes),
        )
        for one in news
    ]
    found = await settled(db, ledger, key, *marked)
    assert found["refunded"] <= found["captured"]
