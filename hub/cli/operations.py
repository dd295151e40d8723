"""migrate, doctor, openapi, jobs, webhooks: commands that do one thing and end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import asyncpg
import orjson
import typer
from rich.console import Console
from rich.table import Table

from hub import app as root
from hub.cli.doctor import run_checks
from hub.cli.processes import load_settings
from hub.core import jobs as queue
from hub.core.clock import SystemClock
from hub.core.db import Database
from hub.core.inbox import Inbox
from hub.core.jobs import JobQueue
from hub.core.migrations import apply_migrations, dump_schema, read_migration_status

console = Console()
jobs_app = typer.Typer(no_args_is_help=True, help="Jobs that wait for a person.")
webhooks_app = typer.Typer(no_args_is_help=True, help="Webhooks as they came.")


def register_commands(app: typer.Typer) -> None:
    app.command("migrate")(migrate_command)
    app.command()(doctor)
    app.command()(openapi)
    app.add_typer(jobs_app, name="jobs")
    app.add_typer(webhooks_app, name="webhooks")


@asynccontextmanager
async def open_database() -> AsyncIterator[Database]:
    settings = load_settings()
    async with AsyncExitStack() as stack:
        dsn = await root.resolve_database_dsn(settings, stack)
        db = await Database.open_pool(dsn, pool_size=2, statement_cache_size=settings.db_statement_cache)
        stack.push_async_callback(db.close)
        yield db


def migrate_command(
    show_status: Annotated[bool, typer.Option("--status", help="only say what stands where")] = False,
    schema: Annotated[Path | None, typer.Option("--dump-schema", help="write the resulting schema here")] = None,
) -> None:
    """Bring the database to this version's schema."""
    asyncio.run(_migrate(show_status=show_status, schema=schema))


async def _migrate(*, show_status: bool, schema: Path | None) -> None:
    settings = load_settings()
    async with AsyncExitStack() as stack:
        dsn = await root.resolve_database_dsn(settings, stack)
        if not show_status:
            for name in await apply_migrations(dsn):
                console.print(f"applied  {name}")
        if schema is not None:
            text = await dump_schema(dsn)
            await asyncio.to_thread(schema.write_text, text, encoding="utf-8")
        connection = await asyncpg.connect(dsn, statement_cache_size=0)
        try:
            found = await read_migration_status(connection)
        finally:
            await connection.close()
    for name in found.applied if show_status else ():
        console.print(f"applied  {name}")
    for name in found.pending:
        console.print(f"pending  {name}")
    if found.pending:
        raise typer.Exit(1)
    console.print("The database is up to date.")


def doctor() -> None:
    """Say what would keep the hub from working: providers, credentials, database, migrations, Redis, public URL."""
    findings = asyncio.run(run_checks(load_settings()))
    table = Table("what", "state", "detail", box=None)
    for one in findings:
        colour = {"ok": "green", "note": "yellow", "trouble": "red"}[one.state]
        table.add_row(one.subject, f"[{colour}]{one.state}[/{colour}]", one.detail)
    console.print(table)
    if any(one.state == "trouble" for one in findings):
        raise typer.Exit(1)


def openapi() -> None:
    """Print the OpenAPI document of this version."""
    document = root.build_openapi_document(load_settings())
    typer.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())


@jobs_app.command("list")
def jobs_list(limit: int = 50) -> None:
    """The jobs that are held."""

    async def work() -> list[queue.HeldJob]:
        async with open_database() as db, db.transaction() as tx:
            return await queue.list_held_jobs(tx, limit)

    table = Table("id", "kind", "failures", "since", "error", box=None)
    for one in asyncio.run(work()):
        table.add_row(str(one.id), one.kind, str(one.failures), f"{one.updated:%Y-%m-%d %H:%M}", one.error or "")
    console.print(table)


@jobs_app.command("show")
def jobs_show(job_id: int) -> None:
    """One job, whole."""

    async def work() -> queue.HeldJob:
        async with open_database() as db, db.transaction() as tx:
            return await queue.find_job(tx, job_id)

    console.print_json(orjson.dumps(asyncio.run(work()).to_dict()).decode())


@jobs_app.command("retry")
def jobs_retry(job_id: int) -> None:
    """Run a held job again."""

    async def work() -> None:
        async with open_database() as db, db.transaction() as tx:
            await queue.retry_held_job(tx, job_id)

    asyncio.run(work())
    console.print(f"Job {job_id} is queued again.")


@jobs_app.command("drop")
def jobs_drop(job_id: int) -> None:
    """Give a held job up."""

    async def work() -> None:
        async with open_database() as db, db.transaction() as tx:
            await queue.drop_held_job(tx, job_id)

    asyncio.run(work())
    console.print(f"Job {job_id} is dropped.")


@webhooks_app.command("list")
def webhooks_list(provider: str | None = None, status: str | None = None, limit: int = 50) -> None:
    """The latest events: received, processed or ignored."""

    async def work() -> list[Any]:
        async with open_database() as db:
            return await Inbox(db, JobQueue(), SystemClock()).list_events(provider=provider, status=status, limit=limit)

    table = Table("id", "provider", "type", "status", "deliveries", "received", box=None)
    for row in asyncio.run(work()):
        received = f"{row['received_at']:%Y-%m-%d %H:%M:%S}"
        table.add_row(str(row["id"]), row["provider"], row["type"], row["status"], str(row["deliveries"]), received)
    console.print(table)


@webhooks_app.command("show")
def webhooks_show(event_id: int) -> None:
    """One event, with its payload as it came."""

    async def work() -> Any:
        async with open_database() as db:
            return await Inbox(db, JobQueue(), SystemClock()).find_event(event_id)

    row = {name: value for name, value in asyncio.run(work()).items() if name != "raw"}
    console.print_json(orjson.dumps(row, default=str).decode())


@webhooks_app.command("replay")
def webhooks_replay(event_id: int) -> None:
    """Work on a stored event again. What it has already caused is not caused twice."""

    async def work() -> None:
        async with open_database() as db:
            await Inbox(db, JobQueue(), SystemClock()).replay_event(event_id)

    asyncio.run(work())
    console.print(f"Event {event_id} is queued again.")
