"""plans: how good they are."""

import asyncio
from contextlib import AsyncExitStack, aclosing, suppress
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.table import Table

from hub import app as root
from hub.cli.processes import load_settings, run_sandbox
from hub.planning.plans import (
    ContextCollector,
    EvaluationOutcome,
    EvaluationReport,
    LlmPlanner,
    PlanEvaluation,
    load_cases,
)

console = Console()
TABLE_WIDTH = 150
"""Columns of the table that nothing may be cut off of."""
plans_app = typer.Typer(no_args_is_help=True, help="Trip plans.")


def register_commands(app: typer.Typer) -> None:
    app.add_typer(plans_app, name="plans")


@plans_app.callback()
def plans() -> None:
    """Trip plans."""


@plans_app.command()
def evaluate(
    requests: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="a JSON list of requests; else the hub's own")
    ] = None,
    model: Annotated[str | None, typer.Option(help="ask this model alone, not the configured chain")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
) -> None:
    """Plan a set of hard requests, and count how many plans pass every check, before and after the repair.

    Models are asked, and paid.
    """
    document = requests.read_bytes() if requests is not None else None
    report = asyncio.run(_evaluate(document, model, quiet=as_json))
    if as_json:
        typer.echo(orjson.dumps(report.to_json(), option=orjson.OPT_INDENT_2).decode())
    else:
        _show(report)


async def _evaluate(document: bytes | None, model: str | None, *, quiet: bool) -> EvaluationReport:
    async with AsyncExitStack() as stack:
        settings = load_settings()
        if settings.needs_sandbox and settings.sandbox_url is None:
            with suppress(OSError):  # there is one: a hub runs here already
                await stack.enter_async_context(run_sandbox(settings))
        have = await stack.enter_async_context(root.open_resources(settings))
        made = root.build_services(have)
        grounding = ContextCollector(made.flights, made.locations, have.clock)
        planning = LlmPlanner(made.completions, have.clock, models=(model,) if model is not None else None)
        wanted = load_cases(document, grounding, have.clock.now().date())
        found: list[EvaluationOutcome] = []
        async with aclosing(PlanEvaluation(grounding, planning, have.clock).run(wanted)) as outcomes:
            async for one in outcomes:
                found.append(one)
                if not quiet:
                    console.print(f"{len(found)}/{len(wanted)} {one.name}", style="dim", highlight=False)
    return EvaluationReport(found)


def _show(report: EvaluationReport) -> None:
    wide = Console(width=max(console.width, TABLE_WIDTH))
    table = Table(
        "request",
        "planner",
        "as drafted",
        "after repair",
        "asked again",
        "days replaced",
        "failed",
        "tokens",
        "s",
        box=None,
    )
    for one in report.outcomes:
        failed = one.error or ", ".join(f"{code} {number}" for code, number in one.before.items())
        tokens = f"{one.input_tokens}+{one.output_tokens}"
        figures = (str(one.rounds), str(one.replaced), failed or "-", tokens, f"{one.seconds:.2f}")
        row = (_said(one.drafted), _said(one.feasible), *figures)
        table.add_row(one.name, one.planner or "-", *row)
    wide.print(table)
    whole = report.to_json()
    cost = f"{whole['cost_micro'] / 1e6:.4f} {whole['currency'] or ''}".strip()
    wide.print(
        f"{report.drafted_count} of {len(report.outcomes)} plans are feasible as drafted, "
        f"{report.feasible_count} after the repair ({whole['days_replaced']} days by the built-in planner); "
        f"{whole['input_tokens']} tokens in, {whole['output_tokens']} out, {cost}, {whole['seconds']:.1f} s",
        highlight=False,
    )
    for when, name in (("before", "failed as drafted"), ("after", "still failing")):
        if counts := report.count_failed_checks(when):
            wide.print(f"{name}: {', '.join(f'{code} {number}' for code, number in counts.items())}", highlight=False)


def _said(good: bool) -> str:
    return "[green]yes[/green]" if good else "[red]no[/red]"
