"""Webhooks in: kept before they are acknowledged, worked on once, lost never."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.core.clock import SystemClock
from hub.core.context import bind_context, current_context
from hub.core.db import Database, Tx
from hub.core.errors import BadRequest, NotFound, ProviderPermanent, ProviderTransient, Unauthenticated, Unavailable
from hub.core.inbox import (
    Inbox,
    ProcessWebhook,
    RawWebhook,
    VerifiedWebhook,
    WebhookEffect,
    WebhookEvent,
    _keepable,
    _name,
)
from hub.core.jobs import JobQueue, retry_held_job
from tests.support.jobs import letters, queued, until, working


@dataclass
class Bank:
    """A provider that says what the test makes it say."""

    name: str = "bank"
    is_configured: bool = True
    event_id: str = "evt_1"
    type: str = "paid"
    payload: dict[str, Any] = field(default_factory=lambda: {"amount": 7})
    occurred_at: datetime | None = None

    def verify_webhook(self, raw: RawWebhook) -> VerifiedWebhook:
        if raw.headers.get("Signature") != "good":
            raise Unauthenticated("The signature is not good.", code="bad_signature")
        return VerifiedWebhook(self.event_id, self.type, self.payload, self.occurred_at)


class Ledger:
    """Writes one line per event into a table of its own."""

    def __init__(self, db: Database, *trouble: Exception) -> None:
        self.db = db
        self.trouble = list(trouble)
        self.read = 0
        self.late: list[Exception] = []
        self.actors: list[str] = []

    async def on_event(self, event: WebhookEvent) -> WebhookEffect | None:
        self.read += 1
        self.actors.append(current_context().actor)
        if self.trouble:
            raise self.trouble.pop(0)
        await asyncio.sleep(0)

        async def apply(tx: Tx) -> None:
            await tx.execute("insert into entries (event) values ($1)", event.event_id)
            if self.late:
                raise self.late.pop(0)

        return apply if event.type == "paid" else None

    async def entries(self) -> list[str]:
        async with self.db.transaction() as tx:
            return [row["event"] for row in await tx.fetch("select event from entries")]


RAW = RawWebhook({"Signature": "good"}, b'{"amount": 7}', "https://hub.example/webhooks/bank")


@pytest.fixture
async def ledger(db: Database) -> Ledger:
    async with db.transaction() as tx:
        await tx.execute("create table entries (event text)")
    return Ledger(db)


@pytest.fixture
def inbox(db: Database, ledger: Ledger) -> Inbox:
    found = Inbox(db, JobQueue(), SystemClock())
    found.register_handler("bank", ledger.on_event)
    return found


async def statuses(inbox: Inbox) -> list[str]:
    return [row["status"] for row in await inbox.list_events()]


async def done(inbox: Inbox, status: str = "processed") -> bool:
    found = await statuses(inbox)
    return bool(found) and set(found) == {status}


async def an_old_event(inbox: Inbox, db: Database) -> int:
    """Received an hour ago."""
    await inbox.receive_webhook(Bank(), RAW)
    async with db.transaction() as tx:
        return await tx.fetchval("update webhook_events set received_at = received_at - interval '1 hour' returning id")


async def test_an_event_is_kept_with_its_job_and_worked_on(inbox: Inbox, ledger: Ledger, db: Database, dsn: str):
    with bind_context(request_id="req-1"):
        assert await inbox.receive_webhook(Bank(), RAW)
    (row,) = await inbox.list_events()
    assert (await inbox.find_event(row["id"]))["raw"] == RAW.body
    async with working(db, dsn, inbox):
        await until(lambda: done(inbox))
    assert (await ledger.entries(), ledger.actors) == (["evt_1"], ["provider:bank"])


async def test_what_is_not_signed_leaves_nothing(inbox: Inbox, db: Database):
    with pytest.raises(Unauthenticated):
        await inbox.receive_webhook(Bank(), RawWebhook({}, b"", ""))
    assert (await inbox.list_events(), await queued(db)) == ([], [])


async def test_ten_deliveries_at_once_have_one_effect(inbox: Inbox, ledger: Ledger, db: Database, dsn: str):
    async with working(db, dsn, inbox):
        new = await asyncio.gather(*(inbox.receive_webhook(Bank(), RAW) for _ in range(10)))
        await until(lambda: done(inbox))
    assert (sum(new), await ledger.entries()) == (1, ["evt_1"])
    assert (await inbox.list_events())[0]["deliveries"] == 10


async def test_an_event_that_is_being_worked_on_holds_up_no_other(inbox: Inbox, db: Database):
    await inbox.receive_webhook(Bank(), RAW)
    async with db.transaction() as tx:
        await tx.execute("select from webhook_events for update")
        again = [asyncio.create_task(inbox.receive_webhook(Bank(), RAW)) for _ in range(5)]
        await asyncio.sleep(0.1)
        others = (inbox.receive_webhook(Bank(event_id=f"evt_{n}"), RAW) for n in range(2, 9))
        assert all(await asyncio.wait_for(asyncio.gather(*others), 4))
        assert {type(one) for one in await asyncio.gather(*again, return_exceptions=True)} == {Unavailable}
    assert not await inbox.receive_webhook(Bank(), RAW)


async def test_the_same_event_worked_on_five_times_at_once_has_one_effect(inbox: Inbox, ledger: Ledger):
    await inbox.receive_webhook(Bank(), RAW)
    work = ProcessWebhook(event=(await inbox.list_events())[0]["id"])
    await asyncio.gather(*(inbox.process_event(work) for _ in range(5)))
    assert await ledger.entries() == ["evt_1"]


async def test_a_crash_between_the_effect_and_its_mark_undoes_both(inbox: Inbox, ledger: Ledger):
    await inbox.receive_webhook(Bank(), RAW)
    work = ProcessWebhook(event=(await inbox.list_events())[0]["id"])
    ledger.late = [RuntimeError("the process ends here")]
    with pytest.raises(RuntimeError):
        await inbox.process_event(work)
    assert (await ledger.entries(), await statuses(inbox)) == ([], ["received"])
    await inbox.process_event(work)
    assert (await ledger.entries(), await statuses(inbox)) == (["evt_1"], ["processed"])


async def test_the_handler_reads_its_provider_with_no_transaction_open(inbox: Inbox, ledger: Ledger, db: Database):
    async def handler(event: WebhookEvent) -> WebhookEffect | None:
        async with db.transaction() as tx:
            busy = "select count(*) from pg_stat_activity where state like 'idle in transaction%' and datname = $1"
            seen.append(await tx.fetchval(busy, await tx.fetchval("select current_database()")))
        return None

    seen: list[int] = []
    inbox.register_handler("bank", handler)
    await inbox.receive_webhook(Bank(), RAW)
    await inbox.process_event(ProcessWebhook(event=(await inbox.list_events())[0]["id"]))
    assert seen == [0]


@pytest.mark.parametrize("bank", [Bank(type="nothing.of.interest"), Bank(name="stranger")])
async def test_what_nobody_works_on_is_kept_and_ignored(inbox: Inbox, db: Database, dsn: str, bank: Bank):
    await inbox.receive_webhook(bank, RAW)
    async with working(db, dsn, inbox):
        await until(lambda: done(inbox, "ignored"))


async def test_a_provider_that_is_away_delays_the_event(inbox: Inbox, ledger: Ledger, db: Database, dsn: str):
    ledger.trouble = [ProviderTransient("bank")]
    await inbox.receive_webhook(Bank(), RAW)
    async with working(db, dsn, inbox):
        await until(lambda: done(inbox))
    assert await ledger.entries() == ["evt_1"]


async def test_an_event_whose_job_was_lost_is_found(inbox: Inbox, db: Database, dsn: str):
    await an_old_event(inbox, db)
    async with db.transaction() as tx:
        await tx.execute("delete from pgqueuer")
    await inbox.sweep_stalled_events()
    async with working(db, dsn, inbox):
        await until(lambda: done(inbox))


async def test_the_sweep_leaves_alone_what_has_a_job_or_has_only_come(inbox: Inbox, db: Database):
    await inbox.receive_webhook(Bank(event_id="evt_2"), RAW)
    await an_old_event(inbox, db)
    before = await queued(db)
    await inbox.sweep_stalled_events()
    assert [one["id"] for one in await queued(db)] == [one["id"] for one in before]


async def test_the_sweep_gives_no_second_job_to_what_is_being_worked_on(inbox: Inbox, db: Database, dsn: str):
    async def handler(event: WebhookEvent) -> WebhookEffect | None:
        await inbox.sweep_stalled_events()
        jobs.append(len(await queued(db)))
        return None

    jobs: list[int] = []
    inbox.register_handler("bank", handler)
    await an_old_event(inbox, db)
    async with working(db, dsn, inbox):
        await until(lambda: done(inbox, "ignored"))
    assert jobs == [1]


async def fail_one(inbox: Inbox, ledger: Ledger, db: Database, dsn: str) -> int:
    """An event that its provider disowns: the job is held, and the sweep has seen that."""
    ledger.trouble = [ProviderPermanent("bank", "no such payment")]
    event = await an_old_event(inbox, db)
    async with working(db, dsn, inbox):
        await until(lambda: letters(db))
    for _ in range(3):
        await inbox.sweep_stalled_events()
    return event


async def test_an_event_whose_job_is_held_has_failed_and_is_not_tried_for_ever(
    inbox: Inbox, ledger: Ledger, db: Database, dsn: str
):
    await fail_one(inbox, ledger, db, dsn)
    assert (await statuses(inbox), len(await queued(db)), ledger.read) == (["failed"], 1, 1)


async def test_a_failed_event_is_tried_again_when_it_is_replayed(inbox: Inbox, ledger: Ledger, db: Database, dsn: str):
    event = await fail_one(inbox, ledger, db, dsn)
    await inbox.replay_event(event)
    async with working(db, dsn, inbox):
        await until(lambda: done(inbox))
    assert (await ledger.entries(), await letters(db)) == (["evt_1"], [])


async def test_a_failed_event_is_tried_again_when_it_is_sent_again(
    inbox: Inbox, ledger: Ledger, db: Database, dsn: str
):
    await fail_one(inbox, ledger, db, dsn)
    assert not await inbox.receive_webhook(Bank(), RAW)
    async with working(db, dsn, inbox):
        await until(lambda: done(inbox))


async def test_a_failed_event_is_tried_again_when_its_job_is_retried(
    inbox: Inbox, ledger: Ledger, db: Database, dsn: str
):
    await fail_one(inbox, ledger, db, dsn)
    (letter,) = await letters(db)
    async with db.transaction() as tx:
        await retry_held_job(tx, letter.id)
    async with working(db, dsn, inbox):
        await until(lambda: done(inbox))


async def test_what_is_done_is_done_until_it_is_replayed(inbox: Inbox, ledger: Ledger):
    await inbox.receive_webhook(Bank(), RAW)
    event = (await inbox.list_events())[0]["id"]
    await inbox.process_event(ProcessWebhook(event=event))
    await inbox.process_event(ProcessWebhook(event=event))
    assert await ledger.entries() == ["evt_1"]
    await inbox.replay_event(event)
    assert await statuses(inbox) == ["received"]


async def test_an_event_that_is_not_there_cannot_be_shown_replayed_or_processed(inbox: Inbox):
    for ask in (inbox.find_event, inbox.replay_event):
        with pytest.raises(NotFound):
            await ask(4711)
    await inbox.process_event(ProcessWebhook(event=4711))


@pytest.mark.parametrize(
    "payload",
    [{"a": 1 << 70}, {"a": [1.5, -(1 << 64)]}, {"id": {"b": 10**400}}],
)
async def test_numbers_without_end_are_refused(inbox: Inbox, db: Database, payload: dict[str, Any]):
    with pytest.raises(BadRequest):
        await inbox.receive_webhook(Bank(payload=payload), RAW)


async def test_a_payload_nested_without_end_is_refused(inbox: Inbox):
    deep: dict[str, Any] = {}
    for _ in range(900):
        deep = {"a": deep}
    with pytest.raises(BadRequest):
        await inbox.receive_webhook(Bank(payload=deep), RAW)


async def test_an_event_without_a_name_is_refused(inbox: Inbox):
    with pytest.raises(BadRequest):
        await inbox.receive_webhook(Bank(event_id="\x00"), RAW)


def test_two_long_names_that_begin_alike_stay_two():
    first, second = _name("e" * 300 + "1", 255), _name("e" * 300 + "2", 255)
    assert first != second
    assert len(first) == len(second) == 255


text = st.text(st.characters(), max_size=8) | st.sampled_from(["\x00", "\ud800", "a\x00\udfffb", "\\u0000"])
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats() | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(text, json_values, max_size=3))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
async def test_whatever_a_provider_signs_can_be_kept(inbox: Inbox, payload: dict[str, Any]):
    bank = Bank(event_id=str(id(payload)) + str(sorted(map(ascii, payload))), payload=payload, type="t\x00\ud800")
    await inbox.receive_webhook(bank, RAW)


def test_what_is_harmless_is_kept_as_it_is():
    payload = {"a": [1, "é", {"b": None}], "c": 1.5}
    assert _keepable(payload) is payload
