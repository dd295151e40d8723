"""A plan as Markdown (CommonMark, with GitHub's tables)."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from hub.planning.plans.model import Plan
from hub.planning.plans.rendering.affiliates import AffiliateLink
from hub.planning.plans.rendering.view_model import build_view_model

_STARTS = re.compile(r"^(\s*)([-+=]|\d{1,9}[.)])")
_MIDDLE = re.compile(r"([\\`*_\[\]<>#|~&!$^{}])")
_WWW = re.compile(r"(?i)(www)\.")
_ZERO_WIDTH = "\u200b"


def escape_markdown(text: str) -> str:
    """Text that stays text: no heading, list, link, image, emphasis, code, table or HTML comes of it.

    Addresses and e-mail addresses are kept from becoming links too, as GitHub makes them of bare ones.
    """
    line = _MIDDLE.sub(r"\\\1", text)
    line = line.replace("://", r"\://").replace("@", f"@{_ZERO_WIDTH}")
    line = _WWW.sub(r"\1\\.", line)
    return _STARTS.sub(_start, line)


def _start(found: re.Match[str]) -> str:
    """What would begin a list or underline a heading, were it at the beginning of a line."""
    blank, mark = found.groups()
    return f"{blank}\\{mark}" if len(mark) == 1 else f"{blank}{mark[:-1]}\\{mark[-1]}"


def to_markdown(plan: Plan, *, affiliates: Sequence[AffiliateLink] = (), sandbox: bool = False) -> str:
    """The whole plan. Ends with a line break."""
    it = build_view_model(plan, affiliates, sandbox=sandbox)
    blocks = [*_head(it), *(block for day in it["days"] for block in _day(day)), *_budget(it["budget"])]
    blocks += [*_list("Packing", it["packing"]), *_list("Tips", it["tips"]), *_links(it), *_foot(it)]
    return "\n\n".join(blocks) + "\n"


def _head(it: dict[str, Any]) -> Iterator[str]:
    yield f"# {escape_markdown(it['title'])}"
    if it["summary"]:
        yield escape_markdown(it["summary"])
    place = ", ".join(escape_markdown(one) for one in (it["destination"], it["country"]) if one)
    yield f"**{place}**, {it['when']}. Times are local ({escape_markdown(it['zone'])}) unless another zone is named."
    yield from (f"> **Please check:** {escape_markdown(one)}" for one in it["marks"])


def _day(day: dict[str, Any]) -> Iterator[str]:
    title = f": {escape_markdown(day['title'])}" if day["title"] else ""
    yield f"## {day['weekday']}, {day['date']}{title}"
    if day["made_by"]:
        yield f"*{escape_markdown(day['made_by'])}*"
    yield from (f"> **Please check:** {escape_markdown(one)}" for one in day["marks"])
    if day["items"]:
        yield "\n".join(line for item in day["items"] for line in _item(item))


def _item(item: dict[str, Any]) -> Iterator[str]:
    start = " ".join(one for one in (item["start"], item["start_zone"]) if one)
    end = " ".join(one for one in (item["end"], item["end_zone"]) if one)
    days = f" ({item['later']} d)" if item["later"] else ""
    cost = f" ({item['cost']})" if item["cost"] else " (free)" if item["free"] else ""
    yield f"- **{start} to {end}{days}** {item['label']}: {escape_markdown(item['place'])}{cost}"
    if item["note"]:
        yield f"  - {escape_markdown(item['note'])}"
    yield from (f"  - **Please check:** {escape_markdown(one)}" for one in item["marks"])


def _budget(budget: dict[str, Any]) -> Iterator[str]:
    if not budget["lines"]:
        return
    yield "## Budget"
    rows = [f"| {one['label']}{_unknown(one['unknown'])} | {one['amount']} |" for one in budget["lines"]]
    rows.append(f"| **Total** | **{budget['total']}** |")
    if budget["limit"]:
        rows.append(f"| Your budget | {budget['limit']} |")
        rows.append(f"| Left | {budget['left']} |" if budget["left"] else f"| **Over** | **{budget['over']}** |")
    yield "\n".join(["| | Amount |", "|---|---:|", *rows])


def _unknown(count: int) -> str:
    return f" (and {count} of unknown cost)" if count else ""


def _list(title: str, lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield f"## {title}"
        yield "\n".join(f"- {escape_markdown(one)}" for one in lines)


def _links(it: dict[str, Any]) -> Iterator[str]:
    if it["affiliates"]:
        yield "## Book"
        yield "\n".join(f"- [{escape_markdown(one['label'])}](<{_target(one['url'])}>)" for one in it["affiliates"])
        yield from (f"*{escape_markdown(one)}*" for one in it["disclosures"])


def _target(url: str) -> str:
    """Between angle brackets: only these would end it, or be read as an escape or an entity."""
    return url.replace("\\", "%5C").replace("<", "%3C").replace(">", "%3E").replace("&", "&amp;").replace(" ", "%20")


def _foot(it: dict[str, Any]) -> Iterator[str]:
    test = " Offers are test data: no real journey can be booked." if it["sandbox"] else ""
    yield f"{escape_markdown(it['made_by'])}{test} Opening hours and prices can change: check before you go."
