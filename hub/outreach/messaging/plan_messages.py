"""The letter that a trip plan is ready, for who asked for it or has not waited."""

from dataclasses import dataclass

import structlog

from hub.core.clock import Clock, IdGenerator
from hub.core.db import Database
from hub.core.jobs import JobQueue, job
from hub.outreach.messaging.delivery import SendMessage
from hub.outreach.messaging.plan_context import PLAN_READY, SQL
from hub.planning.plans import PlanReady

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class PlanMessages:
    db: Database
    jobs: JobQueue
    clock: Clock
    ids: IdGenerator

    @job
    async def queue_plan_ready(self, work: PlanReady) -> None:
        """One letter for each plan, whatever is repeated. Not to an address that nobody has confirmed."""
        fact = f"plan:{work.plan_id}:ready:email"
        async with self.db.transaction() as tx:
            new = await tx.fetchval(SQL.insert_plan_letter, self.ids.new_uuid(), fact, work.plan_id, self.clock.now())
            if new is not None:
                await self.jobs.enqueue(tx, SendMessage(message_id=new), key=fact)
            else:
                log.info("letter.skipped", letter=PLAN_READY, why="told_or_not_to_be_told")
