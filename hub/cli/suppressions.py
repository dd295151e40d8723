"""suppressions: addresses that get no more messages."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated
from uuid import UUID

import typer
from rich.console import Console
from rich.table import Table

from hub.cli.operations import open_database
from hub.core.clock import SystemClock
from hub.core.context import bind_context
from hub.outreach.messaging import Suppression, SuppressionFilter, Suppressions
from hub.oversight.audit import AuditLog

console = Console()
suppressions_app = typer.Typer(no_args_is_help=True, help="Addresses that get no more messages.")


def register_commands(app: typer.Typer) -> None:
    app.add_typer(suppressions_app, name="suppressions")


@asynccontextmanager
async def _opened() -> AsyncIterator[Suppressions]:
    clock = SystemClock()
    async with open_database() as db:
        with bind_context(actor="operator"):
            yield Suppressions(db, AuditLog(clock), clock)


@suppressions_app.command("list")
def list_suppressions(
    address: Annotated[str | None, typer.Argument(help="a part of the address")] = None, limit: int = 50
) -> None:
    """The addresses, the newest first, and why."""

    async def work() -> list[Suppression]:
        async with _opened() as suppressions:
            return (
                await suppressions.list_suppressions(SuppressionFilter(address_part=address), page=1, page_size=limit)
            )[0]

    table = Table("id", "channel", "address", "cause", "detail", "since", box=None)
    for entry in asyncio.run(work()):
        since = f"{entry.created_at:%Y-%m-%d %H:%M}"
        table.add_row(str(entry.id), entry.channel, entry.address, entry.cause, entry.detail or "", since)
    console.print(table)


@suppressions_app.command("lift")
def lift_suppression(
    suppression_id: UUID,
    consent: Annotated[bool, typer.Option("--consent", help="the recipient has asked for messages again")] = False,
) -> None:
    """Let messages go to an address again; an opt-out needs --consent."""

    async def work() -> None:
        async with _opened() as suppressions:
            await suppressions.lift_suppression(suppression_id, consent=consent)

    asyncio.run(work())
    console.print("Lifted.")
