"""A hub as `hub serve` starts it, whose loop is watched: what else would wait while something holds it up?

    python -m bench.watched PORT

Whoever connects to PORT is told the worst gap since the last time, and its 99th percentile, in seconds.
"""

import asyncio
import json
import sys
import time

from hub.cli.processes import _serve, load_settings, run_loop

BEAT = 0.002
"""Seconds."""


class Watch:
    """How much later than it should have the loop came back to us."""

    def __init__(self) -> None:
        self._gaps: list[float] = []

    async def look(self) -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(BEAT)
            self._gaps.append(time.perf_counter() - began - BEAT)

    async def tell(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        gaps, self._gaps = sorted(self._gaps) or [0.0], []
        writer.write(json.dumps({"worst": gaps[-1], "p99": gaps[int(len(gaps) * 0.99)]}).encode())
        writer.close()
        await writer.wait_closed()


async def main(port: int) -> None:
    watch = Watch()
    looking = asyncio.create_task(watch.look())
    server = await asyncio.start_server(watch.tell, "127.0.0.1", port)
    async with server:
        await _serve(load_settings(), with_worker=True, with_sandbox=True)
    looking.cancel()


if __name__ == "__main__":
    run_loop(main(int(sys.argv[1])))
