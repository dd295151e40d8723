"""A process of its own that takes jobs until it is killed: run with the DSN, it writes a line for every start."""

import asyncio
import random
import sys

from hub.core.clock import SystemClock
from hub.core.db import Database
from hub.core.jobs import job
from hub.core.worker import Worker
from tests.support.jobs import Count


class Victim:
    @job
    async def count(self, work: Count) -> None:
        sys.stdout.write(f"{work.number}\n")
        sys.stdout.flush()
        await asyncio.sleep(60)


async def main(dsn: str) -> None:
    db = await Database.open_pool(dsn, pool_size=2)
    worker = Worker(db, db.open_listen_connection, SystemClock(), random.SystemRandom())
    worker.add_services(Victim())
    await worker.run()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
