"""Many runs: in this process, or in several beside each other, each with a database of its own."""

import asyncio
import gc
import multiprocessing
import queue
import signal
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from typing import Any

import asyncpg

from hub.core.embedded_postgres import create_database
from hub.core.migrations import apply_migrations
from simulation.environment import Environment
from simulation.run_plan import FAULT_KINDS, PROVIDERS, RunPlan, draw_plan
from simulation.shrinker import shrink_plan
from simulation.simulation_run import RunReport, SimulationRun
from simulation.virtual_loop import VirtualLoop

FAST_UNSAFE_SETTINGS = dict.fromkeys(("fsync", "synchronous_commit", "full_page_writes", "autovacuum"), "off")
"""Settings of a PostgreSQL that keeps nothing safe, and so is fast."""
RUNS_PER_CLEANUP = 25
"""Runs after which tables and memory are cleared, for both get slower as they fill."""


@dataclass
class CampaignSummary:
    """What all runs have come to. `failures` as they were first met, `shrunk_failures` by the same places."""

    run_count: int = 0
    point_count: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    event_counts: Counter[str] = field(default_factory=Counter)
    failures: list[RunReport] = field(default_factory=list)
    shrunk_failures: list[RunReport | None] = field(default_factory=list)

    def add_report(self, report: RunReport, small: RunReport | None = None) -> None:
        self.run_count += 1
        self.point_count += report.point_count
        self.outcomes.update(report.outcomes)
        self.event_counts.update(report.event_counts)
        if report.violations:
            self.failures.append(report)
            self.shrunk_failures.append(small)


REQUIRED_OUTCOMES = (
    "confirmed/paid", "confirmed/partially_refunded", "confirmed/refunded", "failed/released", "cancelled/unpaid",
    "cancelled/released", "cancelled/refunded", "expired/unpaid", "expired/released", "/attention",
)  # fmt: skip
REQUIRED_EVENTS = (
    *(f"kill {when} {what}" for when in ("before", "after") for what in ("call", "commit", "run")),
    *(f"drop {when} {what}" for when in ("before", "after") for what in ("commit", "run")),
    *(f"stall {when}" for when in ("before", "after")),
    *(f"webhook {fate}" for fate in ("lost", "late", "twice", "together", "mute", "hold")),
    *(f"fault {provider} " for provider in PROVIDERS),
    *(f" {kind}" for kind in sorted(set(FAULT_KINDS))),
    *(f"event {kind}" for kind in ("challenge", "cancel", "airline", "refund", "repay", "expire", "capture")),
    *(f"event {kind}" for kind in ("dispute", "escalate", "decide", "reopen")),
    *(f"event {kind}" for kind in ("lose_customer", "poison", "restart")),
)
"""Parts of the names under which things are counted."""
RUNS_PER_OCCURRENCE = 300
"""In so many runs each of them has to be reached at least once."""


def list_unreached(summary: CampaignSummary) -> list[str]:
    """What a campaign of that length should have met and has not: it has proved nothing about these."""
    wanted = summary.run_count // RUNS_PER_OCCURRENCE
    return [
        part
        for parts, counts in ((REQUIRED_OUTCOMES, summary.outcomes), (REQUIRED_EVENTS, summary.event_counts))
        for part in parts
        if sum(count for name, count in counts.items() if part in name) < wanted
    ]


class PlanPlayer:
    """Plays plans over one database, one after another."""

    def __init__(self, loop: VirtualLoop, stage: Environment) -> None:
        self._loop = loop
        self._stage = stage
        self._played = 0

    def play_plan(self, plan: RunPlan) -> RunReport:
        return self._loop.run_until_complete(self._play(plan))

    def shrink_failure(self, failed: RunReport) -> RunReport:
        return self._loop.run_until_complete(shrink_plan(failed, self._play))

    async def _play(self, plan: RunPlan) -> RunReport:
        report = await SimulationRun(self._stage, plan).play_events()
        self._played += 1
        thoroughly = self._played % RUNS_PER_CLEANUP == 0
        await self._stage.clear_data(is_thorough=thoroughly)
        if thoroughly:
            gc.collect()
        return report


@contextmanager
def open_player(dsn: str) -> Iterator[PlanPlayer]:
    """Over a database that has all migrations and belongs to it alone. No event loop may be running."""
    loop = VirtualLoop()
    asyncio.set_event_loop(loop)
    stage = Environment(loop, dsn)
    collecting = gc.isenabled()
    try:
        loop.run_until_complete(stage.start())
        gc.collect()
        gc.freeze()  # modules and their classes, which the collections between runs need not look at
        gc.disable()
        yield PlanPlayer(loop, stage)
    finally:
        gc.unfreeze()
        if collecting:
            gc.enable()
        loop.run_until_complete(stage.close())
        asyncio.set_event_loop(None)
        loop.close()


async def prepare_database(admin_dsn: str, name: str) -> None:
    """A fresh database of that name."""
    admin = await asyncpg.connect(admin_dsn)
    try:
        await admin.execute(f'drop database if exists "{name}" with (force)')
        await create_database(admin, name)
    finally:
        await admin.close()


@dataclass
class Campaign:
    """`dsns` has one database for each process. `on_report` is told of every run as it ends."""

    dsns: Sequence[str]
    on_report: Callable[[RunReport], None]
    shrink: bool = True

    def run(self, plans: Iterable[RunPlan | int]) -> CampaignSummary:
        """Plans, or the seeds of them. Stops after ten failures: by then there is enough to do."""
        context = multiprocessing.get_context("spawn")
        asked: Any = context.Queue()
        answered: Any = context.Queue()
        wanted = list(plans)
        for one in (*wanted, *(None for _ in self.dsns)):
            asked.put(one)
        processes = [context.Process(target=_work, args=(dsn, asked, answered, self.shrink)) for dsn in self.dsns]
        with _deaf_to_interrupts():
            for process in processes:
                process.start()
        try:
            return self._listen(answered, processes, len(wanted))
        finally:
            for process in processes:
                process.terminate()
                process.join()

    def _listen(self, answered: Any, processes: Sequence[BaseProcess], wanted: int) -> CampaignSummary:
        summary = CampaignSummary()
        while summary.run_count < wanted and len(summary.failures) < MAX_FAILURES:
            try:
                report, small = answered.get(timeout=1.0)
            except queue.Empty:
                if not any(one.is_alive() for one in processes):
                    raise RuntimeError("The processes that play have ended early.") from None
                continue
            summary.add_report(report, small)
            self.on_report(report)
        return summary


MAX_FAILURES = 10


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """What is begun inside leaves Ctrl-C to who has begun it."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _work(dsn: str, asked: Any, answered: Any, shrink: bool) -> None:
    asyncio.run(_migrated(dsn))
    with open_player(dsn) as found:
        while (wanted := asked.get()) is not None:
            report = found.play_plan(draw_plan(wanted) if isinstance(wanted, int) else wanted)
            answered.put((report, found.shrink_failure(report) if report.violations and shrink else None))


async def _migrated(dsn: str) -> None:
    await apply_migrations(dsn)
