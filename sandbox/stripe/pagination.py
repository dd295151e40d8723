"""Lists, newest first, a page at a time."""

from collections.abc import Callable, Container
from typing import Any

from sandbox.stripe.errors import make_no_such
from sandbox.stripe.params import RequestParams
from sandbox.stripe.state import Object
from sandbox.stripe.wire import StripeCall

_BOUNDS: dict[str, Callable[[int, int], bool]] = {
    "gt": lambda value, bound: value > bound,
    "gte": lambda value, bound: value >= bound,
    "lt": lambda value, bound: value < bound,
    "lte": lambda value, bound: value <= bound,
}


def build_page(call: StripeCall, kind: str, url: str, equal: tuple[str, ...] = (), **fixed: Any) -> Object:
    """The objects of one kind whose `equal` fields are as the parameters say. Raises Refused."""
    wanted = {name: value for name in equal if (value := call.params.read_text(name)) is not None} | fixed
    rows = call.account.tables[kind].values()
    return cut_page(
        call, kind, url, [row for row in rows if all(row.get(name) == value for name, value in wanted.items())]
    )


def cut_page(call: StripeCall, kind: str, url: str, rows: list[Object]) -> Object:
    """One page of `rows`, which are in the order of their making, the newest first."""
    return _page(call, kind, url, _within(call.params, rows)[::-1], call.account.tables[kind])


def cut_line_page(call: StripeCall, url: str, rows: list[Object]) -> Object:
    """One page of line items, in their own order."""
    return _page(call, "item", url, rows, {row["id"] for row in rows})


def _page(call: StripeCall, kind: str, url: str, rows: list[Object], known: Container[str]) -> Object:
    """`known` are the ids that a page may start after or end before; any other is resource_missing."""
    params = call.params
    limit = params.read_integer("limit", 1, 100) or 10
    after, before = params.read_text("starting_after"), params.read_text("ending_before")
    for name, value in (("starting_after", after), ("ending_before", before)):
        if value is not None and value not in known:
            raise make_no_such(kind, value, name, status=400)
    params.reject_unread()
    if before is not None:
        rows = rows[: _place(rows, before)]
        data = rows[-limit:]
    else:
        rows = rows[_place(rows, after) + 1 :] if after is not None else rows
        data = rows[:limit]
    return {"object": "list", "data": data, "has_more": len(rows) > limit, "url": url}


def _place(rows: list[Object], name: str) -> int:
    return next((number for number, row in enumerate(rows) if row["id"] == name), len(rows))


def _within(params: RequestParams, rows: list[Object]) -> list[Object]:
    """`created=…` or `created[gte]=…`."""
    if isinstance(params.raw.get("created"), str):
        exact = params.read_integer("created")
        return [row for row in rows if exact is None or row["created"] == exact]
    bounds = params.read_group("created")
    for name, holds in _BOUNDS.items() if bounds else ():
        bound = bounds.read_integer(name) if bounds else None
        rows = [row for row in rows if bound is None or holds(row["created"], bound)]
    return rows
