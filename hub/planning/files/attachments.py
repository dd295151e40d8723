"""What travellers put beside their plans: pictures and PDFs, washed, and kept in a store of files."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path, PureWindowsPath
from typing import Any, Protocol, Self
from uuid import UUID

import structlog
from asyncpg import Record

from hub.core.clock import Clock, IdGenerator
from hub.core.db import Database, Tx, load_queries
from hub.core.errors import Conflict, NotFound, ProviderPermanent, TooLarge, Unavailable
from hub.core.jobs import every
from hub.core.row_failures import RowKey, Sweep
from hub.oversight.audit import AuditLog
from hub.people.identity import Caller
from hub.planning.files.sanitizer import FileSanitizer, SanitizedFile, make_rejection_error
from hub.planning.plans import strip_invisible

SQL = load_queries("attachments")
log = structlog.get_logger(__name__)

MAX_UPLOAD_BYTES = 10 * 1024 * 1024
"""Bytes of an upload."""
MAX_ATTACHMENTS = 20
"""Attachments of one plan."""
_LONGEST_NAME = 100
_ON_ITS_WAY = timedelta(hours=1)
"""After so long an upload that is not on record has died, and its file is removed."""
_AGAIN = timedelta(minutes=10)
_PAGE = 100


class FileStore(Protocol):
    """Keeps files under names that the hub makes. Raises ProviderError.

    A name is written once and never changed, so each of these may be repeated.
    """

    name: str

    async def put_file(self, key: str, content: bytes, content_type: str) -> None: ...

    async def get_file(self, key: str) -> bytes:
        """Raises ProviderPermanent `file_missing` where there is none."""
        ...

    async def delete_file(self, key: str) -> None:
        """Also where there is none."""
        ...


@dataclass(frozen=True, slots=True)
class Attachment:
    """`size` in bytes. `name` is a file name without a path, ending as its type does."""

    id: UUID
    plan_id: UUID
    name: str
    content_type: str
    size: int
    sha256: str
    key: str
    width: int | None
    height: int | None
    pages: int | None
    created_at: datetime

    @classmethod
    def from_row(cls, row: Record) -> Self:
        return cls(**{one.name: row[one.name] for one in fields(cls)})


@dataclass(frozen=True, slots=True)
class Attachments:
    """Each method is one unit of work. Who may not see a plan is told that there is none (NotFound)."""

    db: Database
    file_store: FileStore
    sanitizer: FileSanitizer
    audit: AuditLog
    clock: Clock
    ids: IdGenerator

    async def add_attachment(
        self, caller: Caller, plan_id: UUID, name: str, chunks: AsyncIterator[bytes]
    ) -> Attachment:
        """Of `chunks` no more is kept in memory than one, until what comes of them has been washed.

        The same content again is the attachment that is there. Raises TooLarge, InvalidRequest at /file, Conflict
        `too_many_attachments`, NotFound for a plan that is not theirs.
        """
        async with self.db.transaction(caller.id) as tx:
            await _check(tx, SQL.own_plan, plan_id)
            _check_room(await tx.fetchval(SQL.count, plan_id))
        async with _folder() as folder:
            source, target = folder / "given", folder / "washed"
            await _spool(chunks, source)
            washed = await self.sanitizer.sanitize_file(source, target)
            content = await asyncio.to_thread(target.read_bytes)
        return await self._keep(caller, plan_id, (name, content), washed)

    async def list_attachments(
        self, caller: Caller | None, plan_id: UUID, *, token: str | None = None
    ) -> list[Attachment]:
        """In the order in which they came. For who owns the plan, or has its link."""
        async with self._seen(caller, plan_id, token) as tx:
            return [Attachment.from_row(row) for row in await tx.fetch(SQL.list, plan_id)]

    async def read_attachment(
        self, caller: Caller | None, plan_id: UUID, attachment_id: UUID, *, token: str | None = None
    ) -> tuple[Attachment, bytes]:
        """With its content, looked at whether it is still what was put there. Raises ProviderError."""
        async with self._seen(caller, plan_id, token) as tx:
            row = await tx.fetchrow(SQL.find, plan_id, attachment_id)
        if row is None:
            raise _no_attachment()
        found = Attachment.from_row(row)
        content = await self.file_store.get_file(found.key)
        if await asyncio.to_thread(_hash, content) != found.sha256:
            raise ProviderPermanent(self.file_store.name, "gave back another file.", provider_code="file_damaged")
        return found, content

    async def delete_attachment(self, caller: Caller, plan_id: UUID, attachment_id: UUID) -> None:
        """At once for everybody; the file itself follows within a minute or two."""
        async with self.db.transaction(caller.id) as tx:
            await _check(tx, SQL.own_plan, plan_id)
            async with tx.as_hub():
                if await tx.fetchval(SQL.delete, plan_id, attachment_id) is None:
                    raise _no_attachment()
                about: dict[str, Any] = {"plan_id": str(plan_id), "attachment_id": str(attachment_id)}
                await self.audit.record_action(tx, "attachment.removed", customer_id=caller.id, **about)

    @every(60, "attachments.sweep")
    async def delete_orphaned_files(self) -> None:
        """Removes the files that belong to nobody. One that cannot be removed now is tried again later."""
        now = self.clock.now()
        async with self.db.transaction() as tx:
            keys = [row["key"] for row in await tx.fetch(SQL.due_files, now, _PAGE)]
        sweep = Sweep("attachments.remove", self.db, self.clock)
        await sweep.process_rows(keys, partial(self._remove_file, now), key=RowKey)

    async def _remove_file(self, now: datetime, key: str) -> None:
        """Put off before it is tried: files that cannot be removed do not take the place of others in the next run."""
        async with self.db.transaction() as tx:
            await tx.execute(SQL.put_off, key, now + _AGAIN)
        await self.file_store.delete_file(key)
        async with self.db.transaction() as tx:
            await tx.execute(SQL.forget_file, key, now + _AGAIN)

    async def _keep(self, caller: Caller, plan_id: UUID, file: tuple[str, bytes], washed: SanitizedFile) -> Attachment:
        """First it is written down that the file may be nobody's, then it is stored, then it is somebody's."""
        (name, content), number, now = file, self.ids.new_uuid(), self.clock.now()
        digest = await asyncio.to_thread(_hash, content)
        key = f"{number.hex[-2:]}/{number.hex}-{digest}"
        async with self.db.transaction() as tx:
            if (row := await tx.fetchrow(SQL.same, plan_id, digest)) is not None:
                return Attachment.from_row(row)
            await tx.execute(SQL.reserve_file, key, now + _ON_ITS_WAY)
        await self.file_store.put_file(key, content, washed.content_type)
        found = Attachment(
            number, plan_id, sanitize_filename(name, washed.suffix), washed.content_type, len(content), digest, key,
            washed.width, washed.height, washed.pages, now,
        )  # fmt: skip
        return await self._record(caller, found)

    async def _record(self, caller: Caller, found: Attachment) -> Attachment:
        async with self.db.transaction(caller.id) as tx:
            await _check(tx, SQL.own_plan, found.plan_id)
            async with tx.as_hub():
                await _check(tx, SQL.hold_plan, found.plan_id)
                if (row := await tx.fetchrow(SQL.same, found.plan_id, found.sha256)) is not None:
                    return Attachment.from_row(row)
                _check_room(await tx.fetchval(SQL.count, found.plan_id))
                if await tx.fetchval(SQL.claim_file, found.key) is None:
                    raise Unavailable("The upload took too long.", retry_after=1)
                await tx.fetchrow(SQL.insert, *_values(found))
                about: dict[str, Any] = {"plan_id": str(found.plan_id), "attachment_id": str(found.id)}
                await self.audit.record_action(tx, "attachment.added", customer_id=caller.id, **about)
        return found

    @asynccontextmanager
    async def _seen(self, caller: Caller | None, plan_id: UUID, token: str | None) -> AsyncIterator[Tx]:
        """A transaction in which the plan may be looked at. Raises NotFound."""
        if caller is not None:
            async with self.db.transaction(caller.id) as tx:
                if await tx.fetchval(SQL.own_plan, plan_id) is not None:
                    yield tx
                    return
        async with self.db.transaction() as tx:
            await _check(tx, SQL.open_plan, plan_id, token)
            yield tx


def sanitize_filename(name: str, suffix: str) -> str:
    """The last part of it, without what a file system, a header or a reader could take for something else."""
    last = PureWindowsPath(strip_invisible(name)).name  # knows both kinds of slashes
    stem = last.rpartition(".")[0] if "." in last.strip(".") else last
    kept = "".join(one for one in stem if one not in '<>:"/\\|?*%').strip(" .")
    return f"{kept[:_LONGEST_NAME].strip(' .') or 'attachment'}.{suffix}"


def _values(found: Attachment) -> tuple[Any, ...]:
    order = "id plan_id name content_type size sha256 key width height pages created_at".split()
    return tuple(getattr(found, name) for name in order)


async def _check(tx: Tx, query: str, *values: Any) -> None:
    if await tx.fetchval(query, *values) is None:
        raise NotFound("There is no such plan.", code="plan_not_found")


def _check_room(count: int) -> None:
    if count >= MAX_ATTACHMENTS:
        raise Conflict(f"A plan has {MAX_ATTACHMENTS} attachments at most.", code="too_many_attachments")


def _no_attachment() -> NotFound:
    return NotFound("There is no such attachment.", code="attachment_not_found")


def _hash(content: bytes) -> str:
    return sha256(content).hexdigest()


@asynccontextmanager
async def _folder() -> AsyncIterator[Path]:
    """A directory of its own, gone at the end."""
    made = await asyncio.to_thread(tempfile.TemporaryDirectory, prefix="travel-hub-", ignore_cleanup_errors=True)
    try:
        yield Path(made.name)
    finally:
        await asyncio.shield(asyncio.to_thread(made.cleanup))


async def _spool(chunks: AsyncIterator[bytes], target: Path) -> None:
    """Raises TooLarge as soon as it is, InvalidRequest for nothing at all."""
    size, file = 0, await asyncio.to_thread(target.open, "wb")
    try:
        async for chunk in chunks:
            size += len(chunk)
            if size > MAX_UPLOAD_BYTES:
                raise TooLarge(f"A file may have {MAX_UPLOAD_BYTES} bytes.")
            await asyncio.to_thread(file.write, chunk)
    finally:
        await asyncio.shield(asyncio.to_thread(file.close))
    if size == 0:
        raise make_rejection_error("unsupported_file")
