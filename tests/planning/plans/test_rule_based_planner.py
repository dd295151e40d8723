from dataclasses import replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.core.money import Money
from hub.planning.plans.context import gazetteer
from hub.planning.plans.drafting.rule_based_planner import RuleBasedPlanner
from hub.planning.plans.model import Activity, Kind, PlanContext, PlanRequest
from hub.planning.plans.rules.checker import check_draft, count_marks_by_code
from tests.planning.plans.scenes import NOW, offer, slice_of

CITY = gazetteer.load_cities()["LIS"]
LISBON = PlanContext(
    "Lisbon", "PT", "Europe/Lisbon", "LIS", "EUR", (), gazetteer.list_city_activities(CITY, "EUR"), ("It rains.",)
)
TRIP = PlanRequest("Lisbon", date(2026, 12, 1), date(2026, 12, 3), adults=2)
ZONES = (
    "Europe/Lisbon Europe/Paris America/New_York Australia/Lord_Howe Africa/Cairo America/Santiago Asia/Tokyo "
    "Pacific/Kiritimati"
)


def planned(request=TRIP, ground=LISBON):
    return check_draft(RuleBasedPlanner().draft_plan(request, ground), request, ground, planner="built-in")


def kinds(plan):
    return [[one.kind.value for one in day.items] for day in plan.days]


def test_it_is_the_same_plan_each_time():
    assert planned() == planned()


def test_each_day_has_things_to_do_and_meals_at_meal_times():
    plan = planned()
    assert plan.is_feasible
    for day in plan.days:
        meals = [one for one in day.items if one.kind is Kind.FOOD and one.end - one.start >= timedelta(hours=1)]
        assert {one.start.hour for one in meals} & {11, 12, 13, 14}
        assert {one.start.hour for one in meals} & {18, 19, 20}
        assert len(day.items) >= 4


def test_nothing_is_done_twice():
    found = [one.activity_id for day in planned(replace(TRIP, end=date(2026, 12, 9))).days for one in day.items]
    once = [one for one in found if one and "usual" not in one]
    assert len(once) == len(set(once)) > 8


def test_what_is_liked_comes_first():
    art = planned(replace(TRIP, start=date(2026, 12, 2), end=date(2026, 12, 2), interests=("art museums",)))
    assert {"act_lis_maat_museum_by_the_tagus", "act_lis_gulbenkian_museum"} & {
        one.activity_id for one in art.days[0].items
    }


def test_a_calm_day_has_less_in_it_than_a_full_one():
    calm, full = (sum(map(len, kinds(planned(replace(TRIP, pace=pace))))) for pace in ("calm", "full"))
    assert calm < full


def test_children_rest_after_lunch_and_are_back_early():
    plan = planned(replace(TRIP, children=2))
    assert all("A rest" in [one.place for one in day.items] for day in plan.days)
    assert all(day.items[-1].end.hour < 21 for day in plan.days)


def test_arrival_and_departure_stand_around_the_flights():
    plan = planned(ground=replace(LISBON, offers=(offer(),)))
    assert kinds(plan)[0][:2] == ["flight", "transfer"]
    assert kinds(plan)[-1][-2:] == ["transfer", "flight"]
    assert plan.offer_ids == ["off_1"]
    assert plan.days[-1].items[-2].end == plan.days[-1].items[-1].start - timedelta(hours=2)


def test_a_small_budget_takes_the_cheapest_flight_and_free_things():
    two = (offer(1, 40000), offer(2, 24000))
    plan = planned(replace(TRIP, budget=Money(25000, "EUR")), replace(LISBON, offers=two))
    assert plan.is_feasible
    assert plan.offer_ids == ["off_2"]
    assert plan.budget.total <= 25000
    assert planned(TRIP, replace(LISBON, offers=two)).offer_ids == ["off_1"]


def test_a_budget_below_the_cheapest_flight_takes_none_and_is_marked():
    plan = planned(replace(TRIP, budget=Money(20000, "EUR")), replace(LISBON, offers=(offer(total=24000),)))
    assert not plan.is_feasible
    assert [(one.code, one.message) for one in plan.marks] == [
        (
            "flights_over_budget",
            "The cheapest flights cost 240.00 EUR, the budget is 200.00 EUR: the plan has no flights.",
        )
    ]
    assert plan.offer_ids == []
    assert plan.tips[0] == "No flight is in this plan: the cheapest costs 240.00 EUR, the budget is 200.00 EUR."


def test_no_money_at_all_still_makes_days():
    plan = planned(replace(TRIP, budget=Money(0, "EUR")))
    assert (plan.is_feasible, plan.budget.total) == (True, 0)
    assert all(day.items for day in plan.days)


def test_a_month_is_spread_over_all_of_its_days():
    plan = planned(replace(TRIP, end=date(2026, 12, 30)))
    assert len(plan.days) == 30
    assert plan.is_feasible
    sights = [sum(1 for one in day.items if one.activity_id and "usual" not in one.activity_id) for day in plan.days]
    assert max(sights) <= 2


def test_single_days_are_as_they_are_in_the_whole():
    whole = RuleBasedPlanner().draft_plan(TRIP, LISBON)
    assert RuleBasedPlanner().draft_plan(TRIP, LISBON, days=[date(2026, 12, 2)]).days == [whole.days[1]]


def test_what_is_missing_is_among_the_tips():
    assert "flights: nobody answered" in planned(ground=replace(LISBON, missing=("flights: nobody answered",))).tips


@pytest.mark.parametrize("name", sorted(gazetteer.load_cities()))
def test_every_city_gives_a_week_that_one_could_follow(name):
    city = gazetteer.load_cities()[name]
    request = replace(TRIP, destination=city.names[0], end=date(2026, 12, 7), interests=("food", "history"))
    ground = PlanContext(
        city.names[0], city.country, "Europe/Paris", name, "EUR", (), gazetteer.list_city_activities(city, "EUR")
    )
    plan = planned(request, ground)
    assert plan.is_feasible
    assert sum(1 for day in plan.days for one in day.items if one.activity_id) >= 15


CLOCK = st.integers(0, 95).map(lambda n: f"{n // 4:02}:{n % 4 * 15:02}")
ACTIVITIES = st.builds(
    Activity,
    id=st.uuids().map(str),
    name=st.text(max_size=200),
    kind=st.sampled_from(Kind),
    minutes=st.integers(-10, 1500),
    hours=st.dictionaries(st.integers(0, 6), st.tuples(CLOCK, CLOCK | st.just("24:00")), max_size=7),
    cost=st.none() | st.integers(-100, 100000),
    currency=st.sampled_from(["EUR", "EUR", "EUR", "USD"]),
    tags=st.lists(st.sampled_from(["food", "family", "airport", "meal", "art"]), max_size=2).map(tuple),
    area=st.sampled_from(["", "A", "B", "C"]),
)


@st.composite
def journeys(draw):
    start = draw(st.dates(date(2026, 1, 1), date(2027, 12, 1)))
    end = start + timedelta(days=draw(st.integers(0, 7) | st.integers(0, 29)))
    zone = ZoneInfo(draw(st.sampled_from(ZONES.split())))
    request = PlanRequest(
        "Somewhere", start, end,
        adults=draw(st.integers(1, 5)), children=draw(st.integers(0, 3)), infants=draw(st.integers(0, 1)),
        budget=draw(st.none() | st.integers(0, 300_000).map(lambda amount: Money(amount, "EUR"))),
        pace=draw(st.sampled_from(["calm", "normal", "full"])),
        interests=tuple(draw(st.lists(st.sampled_from(["food", "art", "old things", ""]), max_size=3))),
    )  # fmt: skip
    offers = tuple(draw(flights(n, start, end, zone)) for n in range(draw(st.integers(0, 3))))
    known = tuple(draw(st.lists(ACTIVITIES, max_size=6))) + draw(
        st.sampled_from([(), gazetteer.list_city_activities(CITY, "EUR")])
    )
    return request, PlanContext("Somewhere", None, zone.key, None, "EUR", offers, known)


@st.composite
def flights(draw, number, start, end, zone):
    home = ZoneInfo(draw(st.sampled_from(ZONES.split())))

    def leg(day, here, there):
        at = datetime.combine(day, datetime.min.time()) + timedelta(minutes=draw(st.integers(0, 1439)))
        departs = at.replace(tzinfo=here).astimezone(ZoneInfo("UTC")).astimezone(here)
        arrives = departs.astimezone(ZoneInfo("UTC")) + timedelta(minutes=draw(st.integers(30, 2000)))
        return slice_of(departs, arrives.astimezone(there))

    slices = (leg(start, home, zone), leg(end, zone, home))[: draw(st.sampled_from([2, 2, 2, 1]))]
    given = {"slices": slices, "seats_left": draw(st.sampled_from([None, None, 1, 9]))}
    return offer(number, draw(st.integers(0, 200_000)), expires_at=NOW, **given)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(journeys())
def test_every_check_comes_out_well_for_whatever_is_asked(journey):
    request, ground = journey
    plan = planned(request, ground)
    cheapest = min((one.total.amount for one in ground.offers), default=0)
    beyond = request.budget is not None and request.budget.amount < cheapest
    assert count_marks_by_code(plan) == ({"flights_over_budget": 1} if beyond else {})
    if beyond:
        assert plan.offer_ids == []
        assert plan.tips[0].startswith("No flight is in this plan")
