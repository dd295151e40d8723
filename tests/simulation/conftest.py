import asyncio
import os
from collections.abc import Iterator
from uuid import uuid4

import asyncpg
import pytest

from simulation.campaign import PlanPlayer, open_player
from tests.support.database import named


@pytest.fixture(scope="module")
def torture(pg: str, template: str) -> Iterator[PlanPlayer]:
    """Plays plans over a database of its own."""
    name = f"test_{os.getpid()}_{uuid4().hex[:12]}"
    asyncio.run(tell(pg, f'create database "{name}" template "{template}" strategy file_copy'))
    with open_player(named(pg, name)) as found:
        yield found
    asyncio.run(tell(pg, f'drop database "{name}" with (force)'))


async def tell(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    await connection.execute(statement)
    await connection.close()
