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
from hub.core.migrate import migrate
from simulation.environment import Stage
from simulation.plan import HOW, PROVIDERS, Plan, drawn
from simulation.run import Report, Run
from simulation.shrinking import smallest
from simulation.virtual_loop import VirtualLoop

FAST = dict.fromkeys(("fsync", "synchronous_commit", "full_page_writes", "autovacuum"), "off")
"""Settings of a PostgreSQL that keeps nothing safe, and so is fast."""
CLEAN_EVERY = 25
"""Runs after which tables and memory are cleared, for both get slower as they fill."""


@dataclass
class Summary:
    """What all runs have come to. `failures` as they were first met, `shrunk` by the same places."""

    runs: int = 0
    points: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    failures: list[Report] = field(default_factory=list)
    shrunk: list[Report | None] = field(default_factory=list)

    def add(self, report: Report, small: Report | None = None) -> None:
        self.runs += 1
        self.points += report.points
        self.ends.update(report.ends)
        self.counts.update(report.counts)
        if report.breaches:
            self.failures.append(report)
            self.shrunk.append(small)


ENDS = (
    "confirmed/paid", "confirmed/partially_refunded", "confirmed/refunded", "failed/released", "cancelled/unpaid",
    "cancelled/released", "cancelled/refunded", "expired/unpaid", "expired/released", "/attention",
)  # fmt: skip
TROUBLES = (
    *(f"kill {when} {what}" for when in ("before", "after") for what in ("call", "commit", "run")),
    *(f"drop {when} {what}" for when in ("before", "after") for what in ("commit", "run")),
    *(f"stall {when}" for when in ("before", "after")),
    *(f"webhook {fate}" for fate in ("lost", "late", "twice", "together", "mute", "hold")),
    *(f"fault {provider} " for provider in PROVIDERS),
    *(f" {kind}" for kind in sorted(set(HOW))),
    *(f"event {kind}" for kind in ("challenge", "cancel", "airline", "refund", "repay", "expire", "capture")),
    *(f"event {kind}" for kind in ("dispute", "escalate", "decide", "reopen")),
    *(f"event {kind}" for kind in ("lose_customer", "poison", "restart")),
)
"""Parts of the names under which things are counted."""
ONCE_IN = 300
"""In so many runs each of them has to be reached at least once."""


def not_reached(summary: Summary) -> list[str]:
    """What a campaign of that length should have met and has not: it has proved nothing about these."""
    wanted = summary.runs // ONCE_IN
    return [
        part
        for parts, counts in ((ENDS, summary.ends), (TROUBLES, summary.counts))
        for part in parts
        if sum(count for name, count in counts.items() if part in name) < wanted
    ]


class Player:
    """Plays plans over one database, one after another."""

    def __init__(self, loop: VirtualLoop, stage: Stage) -> None:
        self._loop = loop
        self._stage = stage
        self._played = 0

    def play(self, plan: Plan) -> Report:
        return self._loop.run_until_complete(self._play(plan))

    def shrink(self, failed: Report) -> Report:
        return self._loop.run_until_complete(smallest(failed, self._play))

    async def _play(self, plan: Plan) -> Report:
        report = await Run(self._stage, plan).play()
        self._played += 1
        thoroughly = self._played % CLEAN_EVERY == 0
        await self._stage.clean(thoroughly=thoroughly)
        if thoroughly:
            gc.collect()
        return report


@contextmanager
def player(dsn: str) -> Iterator[Player]:
    """Over a database that has all migrations and belongs to it alone. No event loop may be running."""
    loop = VirtualLoop()
    asyncio.set_event_loop(loop)
    stage = Stage(loop, dsn)
    collecting = gc.isenabled()
    try:
        loop.run_until_complete(stage.open())
        gc.collect()
        gc.freeze()  # modules and their classes, which the collections between runs need not look at
        gc.disable()
        yield Player(loop, stage)
    finally:
        gc.unfreeze()
        if collecting:
            gc.enable()
        loop.run_until_complete(stage.close())
        asyncio.set_event_loop(None)
        loop.close()


async def prepare(admin_dsn: str, name: str) -> None:
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
    on_report: Callable[[Report], None]
    shrink: bool = True

    def run(self, plans: Iterable[Plan | int]) -> Summary:
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

    def _listen(self, answered: Any, processes: Sequence[BaseProcess], wanted: int) -> Summary:
        summary = Summary()
        while summary.runs < wanted and len(summary.failures) < ENOUGH:
            try:
                report, small = answered.get(timeout=1.0)
            except queue.Empty:
                if not any(one.is_alive() for one in processes):
                    raise RuntimeError("The processes that play have ended early.") from None
                continue
            summary.add(report, small)
            self.on_report(report)
        return summary


ENOUGH = 10


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
    with player(dsn) as found:
        while (wanted := asked.get()) is not None:
            report = found.play(drawn(wanted) if isinstance(wanted, int) else wanted)
            answered.put((report, found.shrink(report) if report.breaches and shrink else None))


async def _migrated(dsn: str) -> None:
    await migrate(dsn)
