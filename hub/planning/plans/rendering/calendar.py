"""A plan as a calendar file (RFC 5545)."""

from collections import Counter
from datetime import date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event

from hub.planning.plans.model import Kind, Plan, PlanItem
from hub.planning.plans.rendering.view_model import KIND_LABELS, describe_item, load_zone, strip_invisible


def to_ics(plan: Plan, plan_id: UUID, now: datetime, *, version: int = 0) -> bytes:
    """One event for each item, a stay as whole days. A later `version` replaces the events that a calendar has.

    Times are in the zone of the destination, with its rules in the file; a time that was given on another clock (the
    departure of a flight out) is in UTC. The same arguments give the same bytes.
    """
    zone, stamp = load_zone(plan), now.replace(microsecond=0)
    calendar = Calendar()
    calendar.add("prodid", "-//travel-hub//plan//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add("x-wr-calname", strip_invisible(plan.title) or "Trip plan")
    seen: Counter[str] = Counter()
    for day in plan.days:
        for item in day.items:
            seen[item.id] += 1
            event = _event(item, zone)
            again = f"-{seen[item.id]}" if seen[item.id] > 1 else ""
            event.add("uid", f"{plan_id}-{strip_invisible(item.id)}{again}@travel-hub")
            event.add("dtstamp", stamp)
            event.add("sequence", version)
            calendar.add_component(event)
    if plan.days:
        years = [one.date.year for one in plan.days]
        calendar.add_missing_timezones(date(min(years) - 1, 1, 1), date(max(years) + 1, 12, 31))
    return bytes(calendar.to_ical())


def _event(item: PlanItem, zone: ZoneInfo) -> Event:
    event = Event()
    _add_times(event, item, zone)
    place = strip_invisible(item.place)
    label = KIND_LABELS[item.kind]
    event.add("summary", f"{label}: {place}" if place else label)
    if place and item.kind is not Kind.FLIGHT:
        event.add("location", place)
    if text := _description(item):
        event.add("description", text)
    return event


def _add_times(event: Event, item: PlanItem, zone: ZoneInfo) -> None:
    start, end = _in_zone(item.start, zone), _in_zone(item.end, zone)
    if item.kind is Kind.STAY:
        first, last = item.start.date(), item.end.date()
        event.add("dtstart", first)
        event.add("dtend", max(last, first + timedelta(days=1)))
        event.add("transp", "TRANSPARENT")
        return
    event.add("dtstart", start)
    if end > start:
        event.add("dtend", end)


def _description(item: PlanItem) -> str:
    cost = item.cost.money.display if item.cost is not None and item.cost.amount else ""
    marks = [f"Please check: {strip_invisible(one.message)}" for one in item.marks]
    return "\n".join(one for one in (describe_item(item), cost, *marks) if one)


def _in_zone(moment: datetime, zone: ZoneInfo) -> datetime:
    """At the destination's clock, where that is the clock it was given on; else in UTC."""
    if moment.tzinfo is None:
        return moment.replace(tzinfo=zone)
    local = moment.astimezone(zone)
    same = local.utcoffset() == moment.utcoffset()
    return local if same and zone.key != "UTC" else moment.astimezone(ZoneInfo("UTC"))
