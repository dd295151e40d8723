"""What things cost, and what the plan costs. Amounts in minor units; sums are the hub's own."""

from collections.abc import Iterable

from hub.core.money import Money
from hub.planning.plans.model import Amount, Budget, BudgetLine, DraftItem, Kind, Mark, Plan, PlanItem
from hub.planning.plans.rules.frame import TripFrame

MAX_ESTIMATE = 10**9
"""Minor units of one line: an estimate beyond it is none."""


def price_for_party(cost: int, payers: int) -> int:
    """Of an activity, for the whole party: infants go free."""
    return cost * payers


def estimate_cost(draft: DraftItem, frame: TripFrame) -> Amount | None:
    """A planner's own guess for what the hub has no price of; None where that is no guess but nonsense.

    A flight is never guessed: it has the price of its offer or none.
    """
    cost, currency = draft.cost, frame.context.currency
    if cost is None or cost < 0 or draft.kind is Kind.FLIGHT:
        return None
    return Amount(amount=cost, currency=currency) if cost <= MAX_ESTIMATE else None


def sum_budget(items: Iterable[PlanItem], frame: TripFrame) -> Budget:
    """By kind. An offer's way back, which its way there has paid, is not unknown."""
    currency = frame.context.currency
    sums: dict[Kind, list[int]] = {}
    paid: set[str] = set()
    for item in items:
        amounts = sums.setdefault(item.kind, [0, 0])
        if item.cost is not None and item.cost.currency == currency:
            amounts[0] += item.cost.amount
        elif item.offer_id is None or item.offer_id not in paid:
            amounts[1] += 1
        if item.offer_id is not None:
            paid.add(item.offer_id)
    lines = [BudgetLine(kind=kind, amount=sums[kind][0], unknown=sums[kind][1]) for kind in Kind if kind in sums]
    budget = frame.request.budget
    limit = budget.amount if budget is not None and budget.currency == currency else None
    return Budget(currency=currency, lines=lines, total=sum(one.amount for one in lines), limit=limit)


def list_budget_marks(budget: Budget, frame: TripFrame) -> list[Mark]:
    wanted = frame.request.budget
    if wanted is not None and wanted.currency != budget.currency:
        said = f"The budget is in {wanted.currency} and the plan in {budget.currency}: nobody has compared them."
        return [Mark(code="currency", message=said)]
    if budget.limit is not None and budget.total > budget.limit:
        over = Money(budget.total - budget.limit, budget.currency)
        return [Mark(code="over_budget", message=f"It costs {over.display} more than the budget.")]
    return []


def list_flight_marks(items: Iterable[PlanItem], frame: TripFrame) -> list[Mark]:
    """Says so when flights were found and the budget holds none of them: they are not left out silently."""
    budget, offers = frame.request.budget, frame.context.offers
    if budget is None or not offers or any(item.offer_id for item in items):
        return []
    comparable = [offer.total for offer in offers if offer.total.currency == budget.currency]
    cheapest = min(comparable, key=lambda total: total.amount, default=None)
    if cheapest is None or cheapest.amount <= budget.amount:
        return []
    said = f"The cheapest flights cost {cheapest.display}, the budget is {budget.display}: the plan has no flights."
    return [Mark(code="flights_over_budget", message=said)]


def calculate_excess(plan: Plan) -> int:
    """What the plan costs beyond its limit; 0 within it."""
    limit = plan.budget.limit
    return 0 if limit is None else max(0, plan.budget.total - limit)


def calculate_optional_cost(item: PlanItem, currency: str) -> int:
    """What could be saved by doing without it: flights and nights are not done without."""
    if item.kind in {Kind.FLIGHT, Kind.STAY} or item.cost is None or item.cost.currency != currency:
        return 0
    return item.cost.amount
