import asyncio
import json
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import asyncpg
import psutil
import pytest

from hub.core.db import Database
from hub.core.embedded_postgres import EmbeddedPostgres
from hub.core.errors import Unavailable
from tests.support.database import server_directory

HOLD = """
import asyncio, sys
from pathlib import Path
from hub.core.embedded_postgres import EmbeddedPostgres

async def main():
    server = await EmbeddedPostgres.start(Path(sys.argv[1]))
    print(server.dsn, flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await server.stop()

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def base() -> Iterator[Path]:
    """Not pytest's own: as root another user runs the server, and pytest keeps closing its folders to others."""
    with tempfile.TemporaryDirectory(dir=server_directory().parent, prefix="hub-") as name:
        yield Path(name)


@pytest.fixture
def place(base: Path) -> Path:
    """One cluster for most tests of this file: making one takes a second."""
    return base / "with a space+plus"


@pytest.fixture
def fresh(base: Path) -> Path:
    return base / uuid4().hex


@pytest.fixture
async def server(place: Path):
    started = await EmbeddedPostgres.start(place)
    yield started
    await started.stop()


async def another_process(place: Path) -> asyncio.subprocess.Process:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", HOLD, str(place), stdin=pipe, stdout=pipe)
    assert await asyncio.wait_for(process.stdout.readline(), 15)
    return process


async def value(dsn: str, query: str):
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def run(dsn: str, statements: str) -> None:
    connection = await asyncpg.connect(dsn)
    await connection.execute(statements)
    await connection.close()


def running(place: Path) -> int | None:
    path = place / "postgres" / "postmaster.pid"
    return int(path.read_text().splitlines()[0]) if path.exists() else None


async def test_it_is_durable_small_and_speaks_unicode(server: EmbeddedPostgres):
    names = ("fsync", "full_page_writes", "synchronous_commit", "max_connections", "shared_buffers", "TimeZone")
    assert [await value(server.dsn, f"show {name}") for name in names] == ["on", "on", "on", "100", "32MB", "UTC"]
    assert await value(server.dsn, "select lower('ÉCOLE')") == "école"
    assert await value(server.dsn, "select current_database()::text") == "hub"


async def test_it_is_reached_over_a_socket_alone(server: EmbeddedPostgres):
    assert await value(server.dsn, "show listen_addresses") == ""


async def test_stopping_and_starting_again_keeps_the_data(place: Path):
    first = await EmbeddedPostgres.start(place)
    await run(first.dsn, "create table if not exists kept as select 7 as n")
    await first.stop()
    assert running(place) is None
    second = await EmbeddedPostgres.start(place)
    assert await value(second.dsn, "select n from kept") == 7
    await second.stop()


async def test_a_process_that_is_killed_leaves_its_data_and_no_server_behind(place: Path):
    process = await another_process(place)
    joined = await EmbeddedPostgres.start(place)
    await run(joined.dsn, "drop table if exists written; create table written as select 1 as n")
    await joined.stop()
    before = running(place)
    os.kill(process.pid, signal.SIGKILL)
    await process.wait()
    after = await EmbeddedPostgres.start(place)
    assert running(place) == before
    assert await value(after.dsn, "select n from written") == 1
    await after.stop()
    assert running(place) is None


async def test_the_last_of_two_processes_stops_the_server(place: Path):
    process = await another_process(place)
    here = await EmbeddedPostgres.start(place)
    process.stdin.close()
    await process.wait()
    assert await value(here.dsn, "select 1") == 1
    await here.stop()
    assert running(place) is None


async def test_two_processes_can_start_at_once(place: Path):
    both = await asyncio.gather(another_process(place), another_process(place))
    assert running(place)
    for process in both:
        process.stdin.close()
        await process.wait()
    assert running(place) is None


async def test_the_event_loop_runs_on_while_the_server_starts(place: Path):
    starting = asyncio.create_task(EmbeddedPostgres.start(place))
    longest, loop = 0.0, asyncio.get_running_loop()
    began = loop.time()
    while not starting.done():
        before = loop.time()
        await asyncio.sleep(0.005)
        longest = max(longest, loop.time() - before)
    took = loop.time() - began
    await (await starting).stop()
    assert longest < took / 3


async def test_a_killed_first_start_is_begun_anew(fresh: Path):
    half = fresh / "postgres"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18")
    (fresh / "postgres.unfinished").touch()
    server = await EmbeddedPostgres.start(fresh)
    assert await value(server.dsn, "select 1") == 1
    await server.stop()


async def test_a_number_that_belongs_to_another_process_is_not_taken_for_the_server(place: Path):
    """As after a restart of a container, where numbers are used again."""
    await (await EmbeddedPostgres.start(place)).stop()
    lines = [str(os.getpid()), str(place / "postgres"), "1", "5432", str(place / "postgres"), "", "1 2", "ready"]
    (place / "postgres" / "postmaster.pid").write_text("\n".join(lines))
    server = await EmbeddedPostgres.start(place)
    assert await value(server.dsn, "select 1") == 1
    await server.stop()


@pytest.mark.parametrize("left", ["[1, 999999999]", "[12, 3"])
async def test_what_dead_processes_left_does_not_keep_the_server_running(place: Path, left: str):
    await (await EmbeddedPostgres.start(place)).stop()
    handles = place / "postgres" / ".handle_pids.json"
    handles.write_text(left)
    os.utime(handles, (0, 0))  # written before anything that runs now was started
    server = await EmbeddedPostgres.start(place)
    assert json.loads(handles.read_text()) == [os.getpid()]
    await server.stop()
    assert running(place) is None


async def test_it_starts_where_the_language_is_not_installed(fresh: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LC_ALL", "xx_YY.UTF-8")
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    server = await EmbeddedPostgres.start(fresh)
    await server.stop()
    assert os.environ["LC_ALL"] == "xx_YY.UTF-8"


async def test_a_path_too_long_for_a_socket_will_do(fresh: Path):
    server = await EmbeddedPostgres.start(fresh / ("long" * 20))
    assert await value(server.dsn, "select 1") == 1
    await server.stop()


async def test_the_hub_waits_out_a_restart_of_the_database(place: Path):
    server = await EmbeddedPostgres.start(place)
    db = await Database.open_pool(server.dsn)
    await server.stop()
    with pytest.raises(Unavailable):
        async with db.transaction():
            pass
    server = await EmbeddedPostgres.start(place)
    async with db.transaction() as tx:
        assert await tx.fetchval("select 1") == 1
    await db.close()
    await server.stop()


async def test_a_server_that_is_just_stopping_is_waited_for(place: Path):
    server = await EmbeddedPostgres.start(place)
    os.kill(running(place), signal.SIGINT)
    while (place / "postgres" / "postmaster.pid").read_text().splitlines()[7].strip() != "stopping":
        pass
    again = await EmbeddedPostgres.start(place)
    assert await value(again.dsn, "select 1") == 1
    await again.stop()
    await server.stop()


async def test_a_server_that_crashed_comes_back_with_what_was_saved(place: Path):
    server = await EmbeddedPostgres.start(place)
    await run(server.dsn, "drop table if exists saved; create table saved as select 3 as n")
    postmaster = psutil.Process(running(place))
    children = postmaster.children()
    postmaster.kill()
    psutil.wait_procs([postmaster, *children], timeout=10)
    again = await EmbeddedPostgres.start(place)
    assert await value(again.dsn, "select n from saved") == 3
    await again.stop()
    await server.stop()


async def test_leaving_a_server_that_was_killed_is_no_failure():
    folder = server_directory().parent / f"killed-{uuid4().hex[:8]}"
    server = await EmbeddedPostgres.start(folder)
    connection = await asyncpg.connect(server.dsn)
    pid = int((folder / "postgres" / "postmaster.pid").read_text().split()[0])
    os.kill(pid, signal.SIGKILL)
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        await asyncio.sleep(0.02)
    connection.terminate()
    await server.stop()
    assert running(folder) is None
    shutil.rmtree(folder)


async def dies(place: Path) -> int:
    """The server is killed, as when the machine is out of memory; its number."""
    pid = running(place)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    return pid


async def restarts(place: Path, killed: int) -> None:
    """Before, a child of the killed server may answer once more."""
    async with asyncio.timeout(30):
        while running(place) in {None, killed}:
            await asyncio.sleep(0.05)


async def again(db: Database, query: str) -> object:
    """The first answer, within half a minute."""
    async with asyncio.timeout(30):
        while True:
            with suppress(Unavailable):
                async with db.transaction() as tx:
                    return await tx.fetchval(query)
            await asyncio.sleep(0.1)


async def test_a_server_that_dies_is_started_again_with_its_data(server: EmbeddedPostgres, place: Path):
    await run(server.dsn, "drop table if exists survived; create table survived as select 7 as n")
    db = await Database.open_pool(server.dsn, pool_size=2, connect_timeout=1)
    server.start_supervision()
    await restarts(place, await dies(place))
    assert await again(db, "select n from survived") == 7
    await db.close()


async def test_it_is_started_again_at_the_same_address(base: Path):
    place = base / ("long" * 30)
    server = await EmbeddedPostgres.start(place)
    server.start_supervision()
    db = await Database.open_pool(server.dsn, pool_size=2, connect_timeout=1)
    for _ in range(2):
        await restarts(place, await dies(place))
        await again(db, "select 1")
    await db.close()
    await server.stop()
    assert running(place) is None


async def test_a_server_whose_children_outlive_it_is_started_again(
    server: EmbeddedPostgres, place: Path, monkeypatch: pytest.MonkeyPatch
):
    """A child that hangs holds the shared memory, and no second server starts beside it."""
    monkeypatch.setattr("hub.core.postgres_server.ORPHAN_TIMEOUT", 0.2)
    child = psutil.Process(running(place)).children()[0]
    child.suspend()
    killed = await dies(place)
    joined = await EmbeddedPostgres.start(place)
    assert await value(joined.dsn, "select 1") == 1
    assert running(place) != killed
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


async def test_a_server_that_another_process_has_started_again_is_stopped_by_the_last(
    server: EmbeddedPostgres, place: Path
):
    process = await another_process(place)
    await dies(place)
    after = await EmbeddedPostgres.start(place)
    await after.stop()
    process.stdin.close()
    await process.wait()
    assert running(place) is None


async def test_a_server_that_another_process_has_started_again_is_joined(server: EmbeddedPostgres, place: Path):
    beside = await EmbeddedPostgres.start(place)
    server.start_supervision()
    beside.start_supervision()
    db = await Database.open_pool(server.dsn, pool_size=2, connect_timeout=1)
    await restarts(place, await dies(place))
    await again(db, "select 1")
    restarted = running(place)
    await asyncio.sleep(1.5)
    assert running(place) == restarted
    await db.close()
    await beside.stop()
