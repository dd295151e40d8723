"""Search: what is kept against a bare handler with the same bytes, what is not against asking the supplier directly."""

import asyncio
import itertools
import sys
import time
from datetime import date, timedelta

from bench.hub import Connection, Served, free_port, load, percentile

ROUNDS = 3
_BARE = """
import sys
import uvloop
from aiohttp import web

body = sys.stdin.buffer.read()

async def answer(request):
    return web.Response(body=body, content_type="application/json")

app = web.Application()
app.router.add_get("/api/flights/search", answer)
uvloop.install()
web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=None)
"""

Row = tuple[str, str, str, str, str]


def _request(query: str) -> bytes:
    return f"GET /api/flights/search?{query} HTTP/1.1\r\nHost: hub\r\n\r\n".encode()


def _query(day: date, origin: str = "LHR") -> str:
    return f"origin={origin}&destination=BCN&departure_date={day}&adults=1"


async def cached(hub: Served) -> list[Row]:
    request = _request(_query(date.today() + timedelta(days=40)))
    _, body = await Connection.once(hub.port, request)
    port = free_port()
    bare = await asyncio.create_subprocess_exec(sys.executable, "-c", _BARE, str(port), stdin=asyncio.subprocess.PIPE)
    assert bare.stdin is not None
    bare.stdin.write(body)
    bare.stdin.close()
    await _listening(port)
    ours, theirs = [], []
    for _ in range(ROUNDS):  # in turn, so that what disturbs one disturbs the other
        ours.append(len(await load(hub.port, itertools.repeat(request), connections=16, seconds=2)) / 2)
        theirs.append(len(await load(port, itertools.repeat(request), connections=16, seconds=2)) / 2)
    bare.terminate()
    await bare.wait()
    mine, base = max(ours), max(theirs)
    name = f"cached search, per second ({len(body) // 1000} kB)"
    return [(name, f"{mine:.0f}", f"{base:.0f}", f"{mine / base:.2f}", "at least 0.7")]


async def uncached(hub: Served) -> list[Row]:
    """A different day each time, so that every search asks the supplier; the direct call asks for the same days."""
    days = [date.today() + timedelta(days=60 + n) for n in range(40)]
    through, direct = [], []
    for day in days:
        started = time.perf_counter()
        status, _ = await Connection.once(hub.sandbox_port, _direct(day))
        direct.append(time.perf_counter() - started)
        assert status == 200
        started = time.perf_counter()
        status, _ = await Connection.once(hub.port, _request(_query(day)))
        through.append(time.perf_counter() - started)
        assert status == 200
    mine, base = percentile(through, 0.5), percentile(direct, 0.5)
    name = "uncached search, ms at the median"
    return [(name, f"{mine:.1f}", f"{base:.1f}", f"{mine / base:.2f}", f"adds {mine - base:.1f} ms")]


def _direct(day: date) -> bytes:
    query = (
        f"fly_from=LHR&fly_to=BCN&date_from={day:%d/%m/%Y}&date_to={day:%d/%m/%Y}&adults=1&curr=EUR&limit=60"
        "&selected_cabins=M&vehicle_type=aircraft&sort=price"
    )
    return f"GET /kiwi/v2/search?{query} HTTP/1.1\r\nHost: kiwi\r\napikey: sandbox\r\n\r\n".encode()


async def _listening(port: int) -> None:
    for _ in range(200):
        try:
            (await Connection.to(port)).close()
        except OSError:
            await asyncio.sleep(0.02)
        else:
            return
    raise TimeoutError("the bare server does not listen")
