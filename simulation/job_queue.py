"""The jobs, taken from the queue as the worker takes them: PgQueuer's own statements, the hub's own attempts.

Left out is what has to do with many connections and with waiting; kept is what decides how often a job runs.
"""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

from pgqueuer.db import AsyncpgDriver
from pgqueuer.errors import RetryRequested
from pgqueuer.models import Job as QueuedJob
from pgqueuer.queries import EntrypointExecutionParameter, Queries

from hub.core.job_runner import JobRunner
from hub.core.worker import HEARTBEAT_TIMEOUT
from simulation.database import SimulatedConnection

BATCH = 10
RECHECK_SECONDS = 1.0
"""Seconds until the next look at what is due and could not be taken: an open transaction holds it."""
_NEXT = """
select extract(epoch from min(case when status = 'queued' then execute_after
                                   else heartbeat + interval '4 seconds' end) - clock_timestamp())::float8
from pgqueuer where status in ('queued', 'picked') and id <> all ($1::bigint[])
"""
"""Seconds until there is something to take."""


class SimulatedJobQueue:
    """One process's part in the work. `spawn` starts a task of that process."""

    def __init__(
        self, connection: SimulatedConnection, attempts: JobRunner, number: int, spawn: Callable[[Any], Any]
    ) -> None:
        self._connection = connection
        self._queries = Queries(AsyncpgDriver(connection))  # type: ignore[arg-type]
        self._attempts = attempts
        self._me = UUID(int=number)
        self._spawn = spawn
        self._points = {kind: EntrypointExecutionParameter(0) for kind in attempts.job_kinds}
        self._rung = asyncio.Event()
        self.running_jobs: dict[int, str] = {}

    def wake_up(self) -> None:
        self._rung.set()

    async def run_jobs(self) -> None:
        while True:
            self._rung.clear()
            taken = await self._take()
            for one in taken:
                self.running_jobs[one.id] = one.entrypoint
                self._spawn(self._run(one))
            await self._rest(None if taken else await self._connection.fetchval(_NEXT, list(self.running_jobs)))

    async def _take(self) -> list[QueuedJob]:
        if self.running_jobs:
            await self._queries.update_heartbeat(list(self.running_jobs))  # type: ignore[arg-type]
        taken = await self._queries.dequeue(BATCH, self._points, self._me, None, HEARTBEAT_TIMEOUT)  # type: ignore[arg-type]
        return [one for one in taken if one.id not in self.running_jobs]

    async def _rest(self, eta: float | None) -> None:
        """Until the next job is due; who has taken some is rung when they are done."""
        waits = [HEARTBEAT_TIMEOUT.total_seconds() / 2] if self.running_jobs else []
        waits += [eta + 0.001 if eta > 0 else RECHECK_SECONDS] if eta is not None else []
        try:
            await asyncio.wait_for(self._rung.wait(), min(waits, default=None))
        except TimeoutError:
            return
        await asyncio.sleep(0.005)  # what rings at the same time is taken together

    async def _run(self, one: QueuedJob) -> None:
        try:
            await self._attempts.execute_job(one)
        except RetryRequested as again:
            await self._queries.retry_job(one, again.delay or timedelta(0), None)
        except Exception:  # noqa: BLE001 (as the queue does it: whatever ends a job badly holds it)
            await self._queries.log_jobs([(one, "failed", None)])
        else:
            await self._queries.log_jobs([(one, "successful", None)])
        finally:
            self.running_jobs.pop(one.id, None)
            self.wake_up()
