"""The letter that a plan is ready: once, to an address that its owner has confirmed, with the plan as it is by then."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from icalendar import Calendar

from hub.outreach.messaging import MessageTemplates, PlanMessageContexts, PlanMessages
from hub.planning.plans.jobs import PlanReady
from hub.planning.plans.model import Plan
from hub.planning.plans.rendering import build_view_model
from tests.outreach.messaging.conftest import Post
from tests.planning.plans.trips import athens, hostile


@pytest.fixture
def office(post: Post) -> Post:
    """A post that knows of plans, and has no frontend to lead to."""
    return fronted(post, None)


def fronted(post: Post, frontend: str | None) -> Post:
    plans = PlanMessageContexts("https://hub.test", frontend, sandbox=True)
    facts = replace(post.outbox.contexts, link_base="https://x", plans=plans)
    object.__setattr__(post.outbox, "contexts", facts)
    return post


async def planned(post: Post, plan: Plan, visibility: str = "private", *, verified: bool = True) -> UUID:
    owner, at = await post.customer(), post.clock.at
    if verified:
        await post.sql("update customers set verified_at = created_at")
    number = await post._insert(
        "trip_plans", customer_id=owner, status="ready", visibility=visibility, version=1, title="x", destination="x",
        share_token="t0ken" if visibility == "link" else None, starts_on=plan.days[0].date, ends_on=plan.days[-1].date,
        place="x", words="x", request={}, created_at=at, updated_at=at,
    )  # fmt: skip
    await post.sql(
        "insert into plan_versions (plan_id, version, document, reason, by, created_at) "
        "values ($1, 1, $2, 'made', 'x', $3)",
        number, plan.model_dump(mode="json"), at,
    )  # fmt: skip
    return number


async def tell(post: Post, plan: UUID) -> None:
    await PlanMessages(post.db, post.outbox.jobs, post.clock, post.ids).queue_plan_ready(PlanReady(plan_id=plan))


def links(mail: Any) -> list[str]:
    return [word for word in mail.text.split() if word.startswith("http")]


async def test_who_asked_is_told_once_however_often_it_is_repeated(office: Post):
    plan = await planned(office, athens())
    for _ in range(3):
        await tell(office, plan)
        await office.send()
    ((key, mail),) = office.mailbox.sent
    assert (key, mail.to) == (f"plan:{plan}:ready:email", "ada@example.com")
    assert mail.subject == "Your plan for Athens is ready"
    for words in ("Hello Ada Lovelace,", "Three winter days in Athens", "Tue 1 Dec", "724.00 EUR", "test data"):
        assert words in mail.text
        assert words in mail.html
    assert "2 things in it could not be settled" in mail.text


async def test_the_plan_comes_along_for_the_calendar(office: Post):
    await tell(office, await planned(office, athens()))
    await office.send()
    (file,) = office.mails[0].attachments
    assert (file.filename, file.content_type) == ("athens-2026-12-01.ics", "text/calendar")
    assert len(Calendar.from_ical(file.content).walk("VEVENT")) == 7


@pytest.mark.parametrize(
    ("frontend", "visibility", "expected"),
    [
        (None, "private", ["https://hub.test/plan/{}"]), (None, "link", ["https://hub.test/plan/{}?t=t0ken"]),
        (None, "public", ["https://hub.test/plan/{}"]),
        ("https://trips.test/", "private", ["https://trips.test/plan/{}"]),
    ],
)  # fmt: skip
async def test_the_link_leads_where_the_plan_can_be_seen(
    post: Post, frontend: str | None, visibility: str, expected: list[str]
):
    plan = await planned(fronted(post, frontend), athens(), visibility)
    await tell(post, plan)
    await post.send()
    assert links(post.mails[0]) == [one.format(plan) for one in expected]


async def test_an_address_that_nobody_has_confirmed_gets_no_text_of_a_stranger(office: Post):
    await tell(office, await planned(office, athens(), verified=False))
    assert await office.messages() == []


async def test_a_plan_that_is_gone_by_then_is_not_spoken_of(office: Post):
    await tell(office, await planned(office, athens()))
    await office.sql("delete from trip_plans")
    await office.send()
    (message,) = await office.messages()
    assert (message["status"], message["error"], office.mails) == ("suppressed", "plan_gone", [])


async def test_the_letter_speaks_of_the_plan_as_it_is_now(office: Post):
    plan = await planned(office, athens())
    await tell(office, plan)
    document = athens(title="Two days in Patras", destination="Patras").model_dump(mode="json")
    await office.sql("update plan_versions set document = $1", document)
    await office.send()
    assert office.mails[0].subject == "Your plan for Patras is ready"


def test_no_text_of_a_plan_makes_markup_or_another_line_of_the_head():
    evil = "<img src=x onerror=alert(1)>\r\nBcc: x@example.com"
    facts = {"it": build_view_model(hostile(evil)), "customer": {"name": evil}, "link": None}
    mail = MessageTemplates().render_email("plan_ready", facts)
    assert "<img" not in mail.html
    assert "\n" not in mail.subject
    assert mail.text.startswith("Hello,\n")
