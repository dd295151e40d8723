"""The sandbox's state in one SQLite file, so that a sandbox that is started again goes on where it was.

Every request's changes are written before it is answered, in one transaction (WAL: a process that is killed at any
moment loses no answered write; after a power cut the file is whole, the last moments may be missing). Only entries
that were handed out since the last save are looked at (see tables.py); a full comparison follows when the sandbox has
been at rest for a moment, and when it ends.
"""

import asyncio
import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sandbox.codec import StateCodec, list_stored_fields
from sandbox.tables import TablesByKind, TrackedLog, TrackedTable

FILE_NAME = "sandbox.sqlite3"
LAYOUT_VERSION = 2
"""Of the file's layout; a file of another version is set aside."""
REST_SECONDS = 2.0
"""Seconds without a change after which everything is compared."""
_SCHEMA = """
create table if not exists entries (owner text, field text, key text, value blob, unique (owner, field, key));
create table if not exists facts (name text primary key, value text);
"""
_WRITE = (
    "insert into entries values (?, ?, ?, ?) "
    "on conflict (owner, field, key) do update set value = excluded.value where value <> excluded.value"
)
_DELETE = "delete from entries where owner = ? and field = ? and key = ?"

_log = logging.getLogger(__name__)

Entry = tuple[str, str, str]
"""Owner (an emulator, or the world itself), field and key; the key is "" for a field that is saved whole."""


class StorageInUse(OSError):
    """Another sandbox has the file open."""


@dataclass(slots=True)
class StateStorage:
    """An open file. `written_hashes`: a mark of each entry's bytes as they are in the file."""

    codec: StateCodec
    connection: sqlite3.Connection
    written_hashes: dict[Entry, int] = field(default_factory=dict)
    last_logged: dict[tuple[str, str], int] = field(default_factory=dict)
    """Number of the last entry of each log that is in the file."""
    needs_full_save: bool = False
    """Whether a save has failed, so that the next one writes everything anew."""

    @classmethod
    def open_file(cls, path: Path | None, codec: StateCodec) -> "StateStorage":
        """None: in memory. A file that cannot be read is set aside as `*.unreadable`. Raises StorageInUse."""
        if path is None:
            return cls(codec, _connected(":memory:"))
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            return cls(codec, _connected(str(path)))
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                raise StorageInUse(f"{path} is in use by another sandbox; give this one a HUB_DATA_DIR") from None
            raise
        except sqlite3.DatabaseError as error:
            _log.warning("sandbox.state_unreadable path=%s error=%s", path, error)
            set_file_aside(path)
            return cls(codec, _connected(str(path)))

    def close(self) -> None:
        self.connection.close()

    def erase_all(self) -> None:
        """Forgets everything."""
        with self.connection:
            self.connection.execute("delete from entries")
        self.written_hashes.clear()
        self.last_logged.clear()

    def rebase_addresses(self, bases: dict[str, str]) -> None:
        """Addresses of the sandbox and of the hub, by name. Where one has changed, stored addresses follow it."""
        with self.connection:
            known = dict(self.connection.execute("select name, value from facts"))
            for name, base in bases.items():
                if known.get(name, base) != base:
                    change = "update entries set value = cast(replace(cast(value as text), ?, ?) as blob)"
                    self.connection.execute(change, (known[name], base))
                self.connection.execute("insert or replace into facts values (?, ?)", (name, base))

    def list_owners(self) -> list[str]:
        return [name for (name,) in self.connection.execute("select distinct owner from entries")]

    def load_fields(self, owner: str, state: Any) -> None:
        """Fills the fields of a state of the first day. Entries that cannot be read are left out and logged."""
        names = {one.name for one in list_stored_fields(type(state))}
        rows = self.connection.execute("select field, key, value from entries where owner = ? order by rowid", (owner,))
        for name, key, raw in rows:
            if name.partition("/")[0] not in names:
                continue
            try:
                self._put((owner, name, key), state, self.codec.decode_value(raw))
            except (ValueError, TypeError, KeyError, AttributeError) as error:
                _log.warning("sandbox.entry_unreadable owner=%s field=%s error=%s", owner, name, error)
                continue
            self.written_hashes[owner, name, key] = hash(raw)
        self._settle(state, names)

    def _put(self, entry: Entry, state: Any, value: Any) -> None:
        owner, path, key = entry
        name, _, kind = path.partition("/")
        holder = getattr(state, name)
        if isinstance(holder, TablesByKind):
            holder[kind][key] = value
        elif isinstance(holder, TrackedTable):
            holder[self.codec.decode_value(key.encode())] = value
        elif isinstance(holder, TrackedLog):
            holder.appended_count = int(key) - 1
            holder.append(value)
            self.last_logged[owner, name] = holder.appended_count
        else:
            setattr(state, name, value)

    def _settle(self, state: Any, names: set[str]) -> None:
        """What was read is as it is in the file."""
        for name in names:
            match getattr(state, name):
                case TablesByKind() as tables:
                    for table in tables.values():
                        table.forget_touches()
                case TrackedTable() as table:
                    table.forget_touches()

    def save_changes(self, states: dict[str, Any], *, thorough: bool = False) -> bool:
        """Writes what has changed, in one transaction; whether there was anything.

        A failure (a full disk) is logged, and the next save writes everything.
        """
        if anew := self.needs_full_save:
            self.written_hashes.clear()
            self.last_logged.clear()
        writes: list[tuple[str, str, str, bytes]] = []
        deletes: list[Entry] = []
        for owner, state in states.items():
            for entry, raw in self._changes(owner, state, thorough=thorough or anew):
                if raw is None:
                    deletes.append(entry)
                else:
                    writes.append((*entry, raw))
        if writes or deletes or anew:
            self._write(writes, deletes, anew=anew)
            return True
        return False

    def _write(self, writes: list[tuple[str, str, str, bytes]], deletes: list[Entry], *, anew: bool) -> None:
        try:
            with self.connection:
                if anew:
                    self.connection.execute("delete from entries")
                self.connection.executemany(_WRITE, writes)
                self.connection.executemany(_DELETE, deletes)
        except sqlite3.Error as error:
            self.needs_full_save = True
            _log.error("sandbox.save_failed error=%s", error)
        else:
            self.needs_full_save = False

    def _changes(self, owner: str, state: Any, *, thorough: bool) -> Iterator[tuple[Entry, bytes | None]]:
        for one in list_stored_fields(type(state)):
            match getattr(state, one.name):
                case TablesByKind() as tables:
                    for kind, table in tables.items():
                        yield from self._of_table(owner, f"{one.name}/{kind}", table, str, thorough=thorough)
                case TrackedTable() as table:
                    yield from self._of_table(owner, one.name, table, self._key, thorough=thorough)
                case TrackedLog() as log:
                    yield from self._of_log(owner, one.name, log)
                case value:
                    yield from self._compared((owner, one.name, ""), self.codec.encode_value(value))

    def _key(self, key: object) -> str:
        return self.codec.encode_value(key).decode()

    def _of_table(
        self, owner: str, name: str, table: TrackedTable[Any, Any], key_of: Any, *, thorough: bool
    ) -> Iterator[tuple[Entry, bytes | None]]:
        if thorough or table.is_swept:
            present = {key_of(key) for key in table}
            for entry in [one for one in self.written_hashes if one[:2] == (owner, name) and one[2] not in present]:
                table.touched_keys.discard(entry[2])
                del self.written_hashes[entry]
                yield entry, None
            keys = list(table)
        else:
            keys = list(table.touched_keys)
        for key in keys:
            entry = (owner, name, key_of(key))
            if key in table:
                yield from self._compared(entry, self.codec.encode_value(table.peek_entry(key)))
            elif self.written_hashes.pop(entry, None) is not None:
                yield entry, None
        table.forget_touches()

    def _of_log(self, owner: str, name: str, log: TrackedLog[Any]) -> Iterator[tuple[Entry, bytes | None]]:
        last, first = self.last_logged.get((owner, name), 0), log.appended_count - len(log) + 1
        added = []
        for number, item in log.list_numbered():
            if number <= last:
                break
            added.append(((owner, name, str(number)), self.codec.encode_value(item)))
        yield from reversed(added)
        for entry, raw in added:
            self.written_hashes[entry] = hash(raw)
        self.last_logged[owner, name] = log.appended_count
        number = first - 1
        while self.written_hashes.pop((owner, name, str(number)), None) is not None:
            yield (owner, name, str(number)), None
            number -= 1

    def _compared(self, entry: Entry, raw: bytes) -> Iterator[tuple[Entry, bytes | None]]:
        mark = hash(raw)
        if self.written_hashes.get(entry) != mark:
            self.written_hashes[entry] = mark
            yield entry, raw


def _connected(path: str) -> sqlite3.Connection:
    """Exclusive, so that two sandboxes never share a file. Raises sqlite3.DatabaseError for what is no such file."""
    connection = sqlite3.connect(path, timeout=0.2)
    try:
        for setting in ("locking_mode=exclusive", "journal_mode=wal", "synchronous=normal"):
            connection.execute(f"pragma {setting}").close()
        _check_version(connection)
        connection.executescript(_SCHEMA)
        connection.execute(f"pragma user_version={LAYOUT_VERSION}")
        connection.execute("pragma quick_check").close()
    except BaseException:
        connection.close()
        raise
    return connection


def _check_version(connection: sqlite3.Connection) -> None:
    (version,) = connection.execute("pragma user_version").fetchone()
    if version not in {0, LAYOUT_VERSION}:
        raise sqlite3.DatabaseError(f"layout {version}")


def set_file_aside(path: Path) -> None:
    """The file keeps its content under another name; an older one of that name is replaced."""
    path.replace(path.with_name(f"{path.name}.unreadable"))
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def erase_file(path: Path) -> bool:
    """Empties the state of a sandbox that is not running; whether there was one. Raises StorageInUse."""
    if not path.exists():
        return False
    with closing(StateStorage.open_file(path, StateCodec())) as storage:
        storage.erase_all()
    return True


class DelayedSaver:
    """Saves a moment after the last change what the quick comparison may have missed."""

    def __init__(self, save: Any) -> None:
        self._save = save
        self._timer: asyncio.TimerHandle | None = None

    def schedule_save(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(REST_SECONDS, self._rest)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _rest(self) -> None:
        self._timer = None
        self._save(thorough=True)
