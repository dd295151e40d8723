"""torture: proves that nothing is lost or doubled, whatever happens and in whichever order."""

import asyncio
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from hub.core.embedded_postgres import EmbeddedPostgres
from simulation.campaign import FAST_UNSAFE_SETTINGS, Campaign, CampaignSummary, list_unreached, prepare_database
from simulation.real_processes import simulate_processes
from simulation.run_plan import RunPlan, draw_plan
from simulation.simulation_run import RunReport

console = Console()


def register_commands(app: typer.Typer) -> None:
    app.command()(torture)


def torture(
    runs: Annotated[int, typer.Option(min=1, help="how many")] = 200,
    seed: Annotated[
        int | None, typer.Option(help="the first run's seed; each has the next one; else by chance")
    ] = None,
    keep: Annotated[str | None, typer.Option(help="play only these events of the seed, once: 0,3,5")] = None,
    jobs: Annotated[int, typer.Option(min=1, help="processes that play beside each other")] = os.cpu_count() or 2,
    processes: Annotated[bool, typer.Option("--processes", help="real processes of the hub, and kill -9")] = False,
) -> None:
    """Play bookings under every trouble at once, in virtual time, and look at the books after each run."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the database and all processes end with us
    first = seed if seed is not None else random.randrange(10**6)  # noqa: S311
    if processes:
        raise typer.Exit(_in_truth(runs, first))
    plans: list[RunPlan | int] = [*range(first, first + runs)]
    if keep is not None:
        plans = [draw_plan(first).keep_events([int(one) for one in keep.split(",")])]
    started = time.perf_counter()
    with create_databases(min(jobs, len(plans))) as dsns:
        summary = _play(dsns, plans, first)
    print_summary(summary, time.perf_counter() - started)
    raise typer.Exit(1 if summary.failures or list_unreached(summary) else 0)


@contextmanager
def create_databases(number: int) -> Iterator[list[str]]:
    """Fresh ones, in a PostgreSQL of their own that is gone afterwards."""
    memory = Path("/dev/shm")  # noqa: S108 (in memory where there is some: nothing of it is kept)
    with tempfile.TemporaryDirectory(prefix="hub-torture-", dir=memory if memory.is_dir() else None) as folder:
        yield from _served(Path(folder), number)


def _served(folder: Path, number: int) -> Iterator[list[str]]:
    server = asyncio.run(EmbeddedPostgres.start(folder, database="postgres", settings=FAST_UNSAFE_SETTINGS))
    try:
        names = [f"torture_{one}" for one in range(number)]
        for name in names:
            asyncio.run(prepare_database(server.dsn, name))
        yield [server.dsn.replace("/postgres?", f"/{name}?") for name in names]
    finally:
        asyncio.run(server.stop())


def _play(dsns: list[str], plans: list[RunPlan | int], first: int) -> CampaignSummary:
    with create_progress() as shown:
        task = shown.add_task(f"seed {first}", total=len(plans))

        def on_report(report: RunReport) -> None:
            shown.advance(task)
            if report.violations:
                shown.console.print(f"[red]seed {report.plan.seed}[/red] {report.violations[0]}", highlight=False)

        return Campaign(dsns, on_report).run(plans)


def _in_truth(runs: int, seed: int) -> int:
    """The status to leave with."""
    with (
        create_databases(1) as (dsn,),
        tempfile.TemporaryDirectory(prefix="hub-torture-") as folder,
        create_progress() as shown,
    ):
        task = shown.add_task("bookings", total=runs)
        found = asyncio.run(simulate_processes(dsn, Path(folder), runs, seed, lambda _: shown.advance(task)))
    console.print(
        f"{found.booking_count} bookings, the hub killed {found.kill_count} times, {len(found.violations)} failures"
    )
    for name, count in sorted(found.outcomes.items()):
        console.print(f"  {name}: {count}")
    for one in found.violations:
        console.print(f"[red]{one}[/red]", highlight=False)
    return 1 if found.violations else 0


def create_progress() -> Progress:
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("left"),
        TimeRemainingColumn(),
    )  # fmt: skip
    return Progress(*columns, console=console)


def print_summary(summary: CampaignSummary, seconds: float) -> None:
    """What has been reached, and what has been found."""
    kills = sum(count for name, count in summary.event_counts.items() if name.startswith("kill"))
    console.print(
        f"{summary.run_count} runs in {seconds:.0f} s, {summary.point_count} points passed, {kills} kills, "
        f"{summary.event_counts['webhooks delivered']} webhooks delivered, {len(summary.failures)} failures"
    )
    table = Table("end", "bookings", box=None)
    for name, count in summary.outcomes.most_common():
        table.add_row(name, str(count))
    console.print(table)
    table = Table("what happened", "times", box=None)
    for name, count in sorted(summary.event_counts.items()):
        table.add_row(name, str(count))
    console.print(table)
    if missing := list_unreached(summary):
        console.print(f"[red]not reached: {', '.join(missing)}[/red]", highlight=False)
    for report, small in zip(summary.failures, summary.shrunk_failures, strict=True):
        _show_failure(small or report)


def _show_failure(report: RunReport) -> None:
    plan = report.plan
    console.rule(f"seed {plan.seed}")
    for one in report.violations:
        console.print(f"[red]{one}[/red]", highlight=False)
    for place, event in zip(plan.event_indexes, plan.events, strict=True):
        console.print(f"{place:4} {event}", highlight=False)
    for note in report.notes:
        console.print(f"     {note}", style="dim", highlight=False)
    console.print(f"hub torture --seed {plan.seed} --keep {','.join(map(str, plan.event_indexes))}", highlight=False)
