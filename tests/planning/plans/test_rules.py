import time
from dataclasses import replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.core.money import Money
from hub.planning.plans.conversion import plan_to_draft
from hub.planning.plans.model import DraftDay, DraftItem, Kind
from hub.planning.plans.rendering.view_model import describe_item
from hub.planning.plans.rules.checker import (
    check_day,
    check_draft,
    count_marks,
    count_marks_by_code,
    list_failing_dates,
    list_problems,
)
from hub.planning.plans.rules.texts import sanitize_text
from hub.planning.plans.rules.times import is_existing_time, parse_date, parse_local_time, resolve_local_time
from tests.planning.plans.scenes import GROUND, back, day, draft, good, ground, item, offer, out, request, with_day

REQUEST = request()


def naive(text):
    return datetime.fromisoformat(text)


def marks(drafted, wanted=REQUEST, given=GROUND):
    return set(count_marks_by_code(check_draft(drafted, wanted, given)))


def second(*items, title="A day"):
    """The good plan with another second day."""
    return with_day(good(), day("2026-12-02", *items, title=title))


def test_a_good_plan_has_no_marks():
    plan = check_draft(good(), REQUEST, GROUND, planner="gpt")
    assert plan.is_feasible
    assert list_failing_dates(plan) == []
    assert [one.id for one in plan.days[0].items] == ["d1-1", "d1-2"]
    assert (plan.budget.total, plan.offer_ids) == (24000 + 3000 + 2000 + 1000, ["off_1"])


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        (draft(*good().days[:2]), "missing_day"),
        (draft(*good().days, day("2026-12-09")), "date_outside"),
        (draft(*good().days, day("2026-13-45")), "date_outside"),
        (draft(*good().days, good().days[1]), "twice"),
        (second(), "empty_day"),
        (second(item("2026-12-02 25:00-26:00")), "unreadable_time"),
        (second(item("2026-12-02 11:00-10:00")), "backwards"),
        (second(item("2026-12-03 08:00-09:00")), "date_outside"),
        (second(item("2026-12-02 10:00-12:00"), item("2026-12-02 11:00-13:00")), "overlap"),
        (second(item("2026-12-02 16:00-17:30", activity_id="act_museum")), "closed"),
        (second(item("2026-12-02 10:00-11:30", activity_id="act_invented")), "unknown_activity"),
        (second(item("2026-12-02 10:00-11:30", "flight", offer_id="off_invented")), "unknown_offer"),
        (second(item("2026-12-02 10:00-11:30", "flight")), "unknown_offer"),
        (second(item("2026-12-02 10:00-11:30", cost=-1)), "negative_cost"),
        (second(out(), item("2026-12-02 10:00-11:00")), "twice"),
    ],
)
def test_each_fault_has_its_mark(changed, code):
    assert code in marks(changed)


def test_a_museum_is_closed_on_the_weekday_on_which_it_is():
    thursday = with_day(good(), day("2026-12-03", item("2026-12-03 10:00-11:30", activity_id="act_museum"), back()))
    plan = check_draft(thursday, REQUEST, GROUND)
    assert plan.days[2].items[0].marks[0].message == "Museum is usually closed on Thursdays."
    assert list_failing_dates(plan) == [date(2026, 12, 3)]


def test_hours_may_go_past_midnight():
    bar = replace(GROUND.activities[0], hours={2: ("20:00", "02:00")})
    late = second(item("2026-12-02 22:00-23:30", activity_id="act_museum"))
    over = item("2026-12-02 23:00-23:59", activity_id="act_museum").model_copy(update={"end": "2026-12-03T01:30"})
    for plan in (late, second(over)):
        assert marks(plan, REQUEST, ground(activities=(bar, *GROUND.activities[1:]))) == set()


def test_times_and_price_of_a_flight_are_the_offers_whatever_the_model_says():
    wrong = item("2026-12-01 05:00-05:10", "flight", "London to Lisbon", offer_id="off_1", cost=1)
    plan = check_draft(with_day(good(), day("2026-12-01", wrong)), REQUEST, GROUND)
    flight = plan.days[0].items[0]
    assert (flight.start.isoformat(), flight.end.isoformat()) == (
        "2026-12-01T07:10:00+00:00",
        "2026-12-01T09:55:00+00:00",
    )
    assert flight.cost.money == Money(24000, "EUR")
    assert plan.days[2].items[-1].cost is None


def test_the_price_of_an_activity_is_the_grounds_for_all_but_infants():
    family = request(adults=2, children=1, infants=1)
    plan = check_draft(second(item("2026-12-02 10:00-11:30", activity_id="act_museum", cost=1)), family, GROUND)
    assert plan.days[1].items[0].cost.amount == 3 * 1000


def test_a_price_that_nobody_knows_is_a_guess_and_a_flights_is_none():
    plan = check_draft(
        second(item("2026-12-02 10:00-11:00", "food", cost=4500), item("2026-12-02 12:00-13:00", "food", cost=10**12)),
        REQUEST, GROUND,
    )  # fmt: skip
    assert [one.cost and one.cost.amount for one in plan.days[1].items] == [4500, None]
    food = next(one for one in plan.budget.lines if one.kind is Kind.FOOD)
    assert (food.amount, food.unknown) == (4500 + 3000, 1)


@pytest.mark.parametrize(
    ("hours", "kind", "wrong"),
    [
        ("10:30-11:00", "sight", True), ("10:40-11:30", "sight", False), ("10:00-10:30", "transfer", False),
        ("05:00-06:00", "transfer", False), ("05:00-06:00", "food", True), ("09:00-10:30", "stay", True),
    ],
)  # fmt: skip
def test_nobody_is_in_town_before_having_landed(hours, kind, wrong):
    early = with_day(good(), day("2026-12-01", out(), item(f"2026-12-01 {hours}", kind)))
    assert ("impossible_connection" in marks(early)) is wrong


@pytest.mark.parametrize(("hours", "wrong"), [("16:00-17:00", False), ("16:00-17:01", True), ("22:30-23:00", True)])
def test_one_leaves_town_two_hours_before_the_flight(hours, wrong):
    late = with_day(good(), day("2026-12-03", item(f"2026-12-03 {hours}"), back()))
    assert ("impossible_connection" in marks(late)) is wrong


def test_a_ticket_is_used_whole():
    stranded = with_day(good(), day("2026-12-03", item("2026-12-03 10:00-11:00")))
    plan = check_draft(stranded, REQUEST, GROUND)
    assert "leaves at 19:00" in plan.days[2].marks[0].message


def test_two_quarters_need_the_way_between_them():
    museum, tower = ({"activity_id": f"act_{one}"} for one in ("museum", "tower"))
    first = item("2026-12-02 10:00-11:30", **museum)
    assert "impossible_connection" in marks(second(first, item("2026-12-02 11:35-12:30", **tower)))
    assert marks(second(first, item("2026-12-02 12:00-13:00", activity_id="act_tower"))) == set()
    assert marks(second(first, item("2026-12-02 11:30-12:30", activity_id="act_park"))) == set()


def test_a_stay_holds_other_things_overnight():
    night = item("2026-12-01 14:00-14:30", "stay").model_copy(update={"end": "2026-12-03T11:00"})
    plan = with_day(good(), day("2026-12-01", out(), night, item("2026-12-01 18:00-19:00", "food")))
    assert marks(plan) == set()


def test_an_overlap_across_midnight_is_one():
    party = item("2026-12-01 22:00-23:00").model_copy(update={"end": "2026-12-02T02:00"})
    plan = with_day(
        with_day(good(), day("2026-12-01", out(), party)), day("2026-12-02", item("2026-12-02 01:00-03:00"))
    )
    assert "overlap" in marks(plan)


def test_a_time_that_the_clocks_skip_does_not_exist():
    spring = request(start=date(2026, 3, 28), end=date(2026, 3, 29), origin=None)
    plan = draft(
        day("2026-03-28", item("2026-03-28 10:00-11:00")),
        day("2026-03-29", item("2026-03-29 02:30-04:00"), item("2026-03-29 10:00-11:00")),
    )
    paris = ground(zone="Europe/Paris", offers=())
    assert marks(plan, spring, paris) == {"no_such_time"}


def test_a_time_that_the_clocks_show_twice_is_the_first_of_them_and_no_failure():
    autumn = request(start=date(2026, 10, 25), end=date(2026, 10, 25), origin=None)
    plan = check_draft(draft(day("2026-10-25", item("2026-10-25 02:30-03:30"))), autumn, ground(zone="Europe/Paris"))
    assert plan.is_feasible
    assert plan.days[0].items[0].start.isoformat() == "2026-10-25T02:30:00+02:00"
    assert plan.days[0].items[0].end - plan.days[0].items[0].start == timedelta(hours=2)


def test_a_day_in_the_air_may_be_empty():
    far = offer(out="2026-12-01T22:00", back="2026-12-03T19:00")
    slow = replace(far.slices[0].segments[0], arrives_at=datetime(2026, 12, 2, 20, tzinfo=ZoneInfo("Europe/Lisbon")))
    long = replace(far, slices=(replace(far.slices[0], segments=(slow,)), far.slices[1]))
    plan = draft(day("2026-12-01", out()), day("2026-12-02"), day("2026-12-03", item("2026-12-03 10:00-11:00"), back()))
    assert marks(plan, REQUEST, ground(offers=(long,))) == set()


def test_seats_and_currency_of_the_offer_are_looked_at():
    assert "party_size" in marks(good(), REQUEST, ground(offers=(offer(seats_left=1),)))
    dollars = offer(total=1)
    dollars = replace(dollars, total=Money(30000, "USD"))
    plan = check_draft(good(), REQUEST, ground(offers=(dollars,)))
    assert "currency" in count_marks_by_code(plan)
    assert plan.budget.total == 6000


def test_the_dearest_days_are_asked_again_when_it_costs_too_much():
    poor = request(budget=Money(28500, "EUR"))
    plan = check_draft(good(), poor, GROUND)
    assert set(count_marks_by_code(plan)) == {"over_budget"}
    assert list_failing_dates(plan) == [date(2026, 12, 1)]
    assert "15.00 EUR" in list_problems(plan)[0][1][0]
    assert check_draft(good(), request(budget=Money(30000, "EUR")), GROUND).is_feasible


def test_a_day_alone_is_checked_among_the_others():
    first, _, last = good().days
    assert check_day(last, REQUEST, GROUND, [first]).marks == []
    assert check_day(day("2026-12-30"), REQUEST, GROUND) is None


def test_a_plan_is_its_own_draft():
    plan = check_draft(good(), REQUEST, GROUND, planner="gpt")
    assert check_draft(plan_to_draft(plan), REQUEST, GROUND, planner="gpt") == plan


DRAFTED_ITEMS = st.builds(
    DraftItem,
    start=st.from_regex(r"2026-12-0[1-4]T[0-2][0-9]:[0-6][0-9]", fullmatch=True) | st.text(max_size=20),
    end=st.from_regex(r"2026-12-0[1-4]T[0-2][0-9]:[0-6][0-9]", fullmatch=True),
    kind=st.sampled_from(Kind),
    place=st.text(max_size=160),
    note=st.text(max_size=300),
    cost=st.none() | st.integers(-(10**12), 10**12),
    offer_id=st.sampled_from([None, "off_1", "off_2"]),
    activity_id=st.sampled_from([None, "act_museum", "act_tower", "act_no"]),
)
DRAFTED_DAYS = st.builds(
    DraftDay,
    date=st.sampled_from(["2026-12-01", "2026-12-02", "2026-12-03", "2026-12-04", "x"]),
    title=st.text(max_size=50),
    items=st.lists(DRAFTED_ITEMS, max_size=5),
)


@settings(max_examples=50, deadline=None)
@given(st.lists(DRAFTED_DAYS, max_size=5))
def test_whatever_is_drafted_becomes_a_plan_with_every_day_and_only_prices_of_the_hub(days):
    plan = check_draft(draft(*days), REQUEST, GROUND)
    assert [one.date for one in plan.days] == [date(2026, 12, n) for n in (1, 2, 3)]
    items = [one for each in plan.days for one in each.items]
    assert {one.offer_id for one in items} <= {None, "off_1"}
    assert all(one.cost in (None, offer_cost()) for one in items if one.kind is Kind.FLIGHT)
    assert all(one.cost.amount == 2000 for one in items if one.activity_id == "act_museum")
    assert all(one.cost is None or one.cost.amount >= 0 for one in items)
    assert plan.budget.total == sum(one.cost.amount for one in items if one.cost)
    assert (count_marks(plan) == 0) is plan.is_feasible
    assert type(plan).model_validate_json(plan.model_dump_json()) == plan


def offer_cost():
    return check_draft(good(), REQUEST, GROUND).days[0].items[0].cost


@settings(max_examples=50, deadline=None)
@given(st.lists(DRAFTED_DAYS, max_size=4))
def test_only_overlaps_that_are_there_are_marked(days):
    plan = check_draft(draft(*days), REQUEST, GROUND)
    items = [one for each in plan.days for one in each.items if one.kind is not Kind.STAY]
    for one in items:
        clash = any(other is not one and other.start <= one.start < other.end for other in items)
        assert clash or "overlap" not in {mark.code for mark in one.marks}


CHANGING = "Europe/Paris America/New_York Australia/Lord_Howe Africa/Cairo Asia/Tokyo".split()


@given(st.datetimes(naive("2025-01-01"), naive("2028-01-01")), st.sampled_from(CHANGING))
def test_a_local_time_exists_when_the_clocks_show_it(local, name):
    zone, local = ZoneInfo(name), local.replace(second=0, microsecond=0)
    back_again = resolve_local_time(local, zone).astimezone(zone).replace(tzinfo=None)
    assert is_existing_time(local, zone) is (back_again == local)
    assert abs(back_again - local) <= timedelta(hours=1)


@pytest.mark.parametrize(
    "text", ["", "2026-12-01", "2026-12-01T09:00Z", "2026-12-01T09:00+01:00", "2026-02-30T09:00", "9"]
)
def test_what_is_no_local_time_is_none(text):
    assert parse_local_time(text) is None


def test_seconds_are_dropped():
    assert parse_local_time("2026-12-01T09:00:30") == naive("2026-12-01T09:00")
    assert (parse_date("2026-12-01"), parse_date("20261201"), parse_date("2026-02-30")) == (
        date(2026, 12, 1),
        None,
        None,
    )


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("See [our site](https://evil.example/x?y) now", "See our site now"),
        ("![p](https://evil.example/p.png)", "p"),
        ('<script>alert("x")</script>Dinner', "Dinner"),
        ("<scr<script>x</script>ipt>alert(1)</script> tea", "alert(1) tea"),
        ('<a href="https://x.io">tea</a>', "tea"),
        ("go to http://1.2.3.4/a or javascript:alert(1) or www.evil.com", "go to or or"),
        ("evil.com/pay and pay.evil.org", "and"),
        ("write to a.b@evil.example", "write to"),
        ("a\x00b\u202ec\u200bd\ne", "a bcd e"),
        ("at 10:30, 3 < 4 & St. Paul's, 2.5 km, e.g. tea", "at 10:30, 3 < 4 & St. Paul's, 2.5 km, e.g. tea"),
    ],
)
def test_text_is_plain(text, left):
    assert sanitize_text(text) == left


@given(st.text() | st.text(alphabet="<>[]()!/.:ahtpscrm \n"))
def test_plain_text_stays_as_it_is(text):
    once = sanitize_text(text)
    assert sanitize_text(once) == once
    assert len(once) <= 600


@pytest.mark.parametrize(
    "text", ["a" * 5000, "a-" * 2500, "a." * 2500, "<svg" * 1000, "[](" * 1500, "<a" * 2000 + ">" * 2000]
)
def test_text_that_is_made_to_take_long_does_not(text):
    started = time.perf_counter()
    sanitize_text(text)
    assert time.perf_counter() - started < 1


def test_each_flight_is_named_with_its_carrier_number_times_and_stops():
    plan = check_draft(good(), REQUEST, GROUND)
    there, home = (item for day in plan.days for item in day.items if item.kind is Kind.FLIGHT)
    (flight,) = there.flights
    assert flight.airline == "TAP Air Portugal"
    assert (flight.carrier, flight.number, flight.origin, flight.destination) == ("TP", "TP 123", "LHR", "LIS")
    assert (flight.departs_at, flight.arrives_at) == (there.start, there.end)
    assert describe_item(there) == "TAP Air Portugal TP 123, LHR 07:10 to LIS 09:55, nonstop."
    assert describe_item(home) == "TAP Air Portugal TP 123, LIS 19:00 to LHR 21:45, nonstop."


def test_a_change_of_planes_and_an_arrival_on_the_next_day_are_said():
    two = offer()
    first = two.slices[0].segments[0]
    late = first.arrives_at + timedelta(hours=15)
    second = replace(first, origin="MAD", flight_number="9", departs_at=late, arrives_at=late + timedelta(hours=1))
    segments = (replace(first, destination="MAD"), second)
    changed = replace(two, slices=(replace(two.slices[0], segments=segments), two.slices[1]))
    plan = check_draft(good(), REQUEST, replace(GROUND, offers=(changed,)))
    (there, *_) = (item for item in plan.days[0].items if item.kind is Kind.FLIGHT)
    assert describe_item(there) == (
        "TAP Air Portugal TP 123, LHR 07:10 to MAD 09:55; "
        "TAP Air Portugal TP 9, MAD 00:55 (+1) to LIS 01:55 (+1), 1 stop."
    )


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "The museum is closed on Tuesday, 1 December 2026."), ("de", "Dienstag, 1. Dezember 2026"),
        ("pt-BR", "terça-feira, 1 de dezembro de 2026"), ("xx", "Tuesday, 1 December 2026"),
    ],
)  # fmt: skip
def test_dates_in_tips_are_in_words(language, said):
    tips = ["The museum is closed on 2026-12-01.", "Call 2026-99-99 or A-2026-12-01."]
    plan = check_draft(good(tips=tips), replace(REQUEST, language=language), GROUND)
    assert said in plan.tips[0]
    assert plan.tips[1] == tips[1]


def test_flights_beyond_the_budget_are_marked_and_the_plan_is_not_feasible():
    walk = draft(*(day(f"2026-12-0{n}", item(f"2026-12-0{n} 10:00-11:00")) for n in (1, 2, 3)))
    poor = check_draft(walk, replace(REQUEST, budget=Money(10000, "EUR")), GROUND)
    assert [mark.code for mark in poor.marks] == ["flights_over_budget"]
    assert not poor.is_feasible
    assert check_draft(walk, replace(REQUEST, budget=Money(90000, "EUR")), GROUND).marks == []
