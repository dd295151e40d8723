"""reconcile, ledger: whether the hub and its providers agree, and whether the books agree with themselves."""

import asyncio
import re
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.table import Table

from hub import app as root
from hub.cli.operations import open_database
from hub.cli.processes import load_settings
from hub.core.clock import SystemClock
from hub.core.errors import Conflict
from hub.sales.payments import Imbalance, find_imbalances
from hub.sales.reconciliation import Break, ReconciliationReport

console = Console()
TABLE_WIDTH = 160
"""Columns of the tables that nothing may be cut off of."""
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
ledger_app = typer.Typer(no_args_is_help=True, help="The books of all money.")


def _json(told: Any) -> str:
    """The driver's UUIDs are a kind of their own."""
    return orjson.dumps(told, default=str, option=orjson.OPT_INDENT_2).decode()


def _span(text: str) -> timedelta:
    found = re.fullmatch(r"([1-9]\d{0,4})([mhd])", text)
    if found is None:
        raise typer.BadParameter("a number and m, h or d: 90m, 24h, 7d")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


SinceOption = Annotated[timedelta, typer.Option(parser=_span, metavar="24h", help="how far to look back: 90m, 24h, 7d")]
JsonOption = Annotated[bool, typer.Option("--json", help="for programs")]


def register_commands(app: typer.Typer) -> None:
    app.command()(reconcile)
    app.add_typer(ledger_app, name="ledger")


def reconcile(
    since: SinceOption = "24h",  # type: ignore[assignment]  # (read by the parser)
    as_json: JsonOption = False,
    fix: Annotated[bool, typer.Option("--fix", help="carry out the proposals that need no judgement")] = False,
) -> None:
    """Compare with the providers now. Ends with 1 when something differs or could not be looked at."""
    report, breaks = asyncio.run(_reconcile(since, fix=fix))
    if as_json:
        told = report.to_json() | {"breaks": breaks}
        typer.echo(_json(told))
    else:
        _tell(report, breaks)
    if not report.is_clean:
        raise typer.Exit(1)


async def _reconcile(since: timedelta, *, fix: bool) -> tuple[ReconciliationReport, list[Break]]:
    async with AsyncExitStack() as stack:
        have = await stack.enter_async_context(root.open_resources(load_settings()))
        money = root.build_services(have).payments
        if money is None:
            raise Conflict("No payment provider is on.", code="payments_off")
        report = await money.reconciliation.run(have.clock.now() - since, repair=fix)
        found, _ = await money.reconciliation.breaks.list_breaks(open_only=True, kind=None, page=1, page_size=1000)
    return report, found


def _tell(report: ReconciliationReport, breaks: list[Break]) -> None:
    wide = Console(width=max(console.width, TABLE_WIDTH))
    table = Table("", "", box=None, show_header=False)
    for name in ("looked_at", "mended", "new", "closed", "open"):
        counts = getattr(report, name)
        table.add_row(name.replace("_", " "), ", ".join(f"{key} {number}" for key, number in counts.items()) or "-")
    for provider, currencies in report.sums.items():
        for currency, sums in currencies.items():
            table.add_row(f"{provider} {currency}", ", ".join(f"{key} {number}" for key, number in sums.items()))
    wide.print(table)
    for note in report.notes:
        wide.print(f"[red]{note.part}[/red]  {note.text} ({note.code})", highlight=False)
    if breaks:
        shown = Table("since", "what", "subject", "proposal", box=None)
        for one in breaks:
            shown.add_row(f"{one.found_at:%Y-%m-%d %H:%M}", one.kind, one.subject, one.proposal)
        wide.print(shown)
    elif report.is_clean:
        wide.print("[green]Nothing differs.[/green]")


@ledger_app.command("check")
def ledger_check(
    since: Annotated[
        timedelta | None, typer.Option(parser=_span, metavar="24h", help="only payments that have moved since: 7d")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Prove that the books balance: every rule of double entry, over every payment. Ends with 1 when one is broken."""

    async def work() -> list[Imbalance]:
        async with open_database() as db, db.transaction() as tx:
            return await find_imbalances(tx, SystemClock().now() - since if since is not None else None)

    found = asyncio.run(work())
    if as_json:
        typer.echo(_json({"balanced": not found, "broken": found}))
    elif not found:
        console.print("[green]The books balance.[/green]")
    else:
        table = Table("broken rule", "what", "detail", box=None)
        for one in found:
            table.add_row(one.rule, str(one.subject), orjson.dumps(one.detail, default=str).decode())
        Console(width=max(console.width, TABLE_WIDTH)).print(table)
    if found:
        raise typer.Exit(1)
