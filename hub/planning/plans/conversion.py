"""A plan as a draft again: to be edited, to be shown to a model, to be checked anew."""

from hub.planning.plans.model import Draft, DraftDay, DraftItem, Plan, PlanDay, PlanItem


def plan_to_draft(plan: Plan) -> Draft:
    """What the checks would have to be given to get this plan."""
    return Draft(
        title=plan.title,
        summary=plan.summary,
        packing=plan.packing,
        tips=plan.tips,
        days=[day_to_draft(one) for one in plan.days],
    )


def day_to_draft(day: PlanDay) -> DraftDay:
    return DraftDay(date=day.date.isoformat(), title=day.title, items=[_item(one) for one in day.items])


def _item(item: PlanItem) -> DraftItem:
    """Times are what the clocks showed: each has its own offset."""
    return DraftItem(
        start=f"{item.start:%Y-%m-%dT%H:%M}",
        end=f"{item.end:%Y-%m-%dT%H:%M}",
        kind=item.kind,
        place=item.place,
        note=item.note,
        cost=item.cost.amount if item.cost is not None else None,
        offer_id=item.offer_id,
        activity_id=item.activity_id,
    )
