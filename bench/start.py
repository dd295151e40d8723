from dataclasses import dataclass
from pathlib import Path

from bench.hub import Served


@dataclass(frozen=True)
class Started:
    seconds: float


async def cold(folder: Path) -> Started:
    """From nothing: a new cluster, all migrations, SDKs warmed, the port open, the worker connected."""
    async with Served(folder) as hub:
        return Started(hub.ready_after)


async def warm(folder: Path) -> Started:
    async with Served(folder) as hub:
        return Started(hub.ready_after)
