"""`make bench`: starts a hub on a fresh database, measures, prints a table. About a minute."""

import asyncio
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import completions, identity, intake, pace, search, start
from bench.hub import Served


async def main() -> None:
    table = Table("what", "hub", "by hand", "ratio", "aim", box=None)
    with tempfile.TemporaryDirectory(prefix="hub-bench-") as folder:
        cold = await start.cold(Path(folder))
        table.add_row("ready with a new database, s", f"{cold.seconds:.2f}", "", "", "at most 10")
        warm = await start.warm(Path(folder))
        table.add_row("ready, warm, s", f"{warm.seconds:.2f}", "", "", "at most 4")
        async with Served(Path(folder)) as hub:
            for row in (*await search.cached(hub), *await search.uncached(hub)):
                table.add_row(*row)
            table.add_row("resident, hub + worker + sandbox, MB", f"{hub.resident_mb():.0f}", "", "", "at most 220")
        async with Served(Path(folder), watched=True, **identity.SETTINGS) as hub:
            for row in (*await identity.sign_ins(hub), *await identity.checks(hub)):
                table.add_row(*row)
        for part in (intake.measured, pace.measured, completions.measured):
            for row in await part(Path(folder)):
                table.add_row(*row)
    console = Console()
    if not console.is_terminal:
        console.width = 120
    console.print(table)


if __name__ == "__main__":
    asyncio.run(main())
