"""Letters about the account itself: a link to click, or what has just happened."""

from dataclasses import dataclass

import structlog

from hub.core.clock import Clock, IdGenerator
from hub.core.db import Database
from hub.core.jobs import JobQueue, job
from hub.outreach.messaging.delivery import SendMessage
from hub.outreach.messaging.template_context import SQL, find_account_row
from hub.outreach.messaging.unsendable import Unsendable
from hub.people.identity import QueueAccountMessage

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class AccountMessages:
    db: Database
    jobs: JobQueue
    clock: Clock
    ids: IdGenerator

    @job
    async def queue_message(self, work: QueueAccountMessage) -> None:
        """One message for each fact. What has been overtaken (erased, confirmed, used, expired) is not written."""
        now, ids = self.clock.now(), (work.customer_id, work.token_id, work.session_id)
        fact = f"{work.fact}:email"
        async with self.db.transaction() as tx:
            try:
                found = await find_account_row(tx, work.letter, ids, now)
            except Unsendable as moot:
                log.info("letter.skipped", letter=work.letter, why=moot.reason)
                return
            new = await tx.fetchval(
                SQL.insert_letter,
                self.ids.new_uuid(), fact, work.customer_id, found["token_id"], found["session_id"], work.letter,
                found["email"], now,
            )  # fmt: skip
            if new is not None:
                await self.jobs.enqueue(tx, SendMessage(message_id=new), key=fact)
