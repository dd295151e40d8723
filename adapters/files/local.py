"""Files in a directory of this machine, or of one that all machines of the hub share."""

import asyncio
import os
import re
import tempfile
from pathlib import Path

from hub.core.errors import ProviderPermanent, ProviderTransient

_KEY = re.compile(r"[0-9a-f]{2}/[0-9a-f]{32}-[0-9a-f]{64}")


class LocalFileStore:
    """`root` is made when the first file is put there. A file that is there is whole: it appears at once."""

    name = "files"

    def __init__(self, root: Path) -> None:
        self._root = root

    async def check_access(self) -> None:
        """Whether files can be written there. Raises ProviderTransient."""
        await self._in_thread(self._try)

    async def put_file(self, key: str, content: bytes, content_type: str) -> None:  # noqa: ARG002 (the hub's database knows)
        await self._in_thread(self._write, self._path(key), content)

    async def get_file(self, key: str) -> bytes:
        path = self._path(key)
        try:
            return await asyncio.to_thread(path.read_bytes)
        except FileNotFoundError:
            raise ProviderPermanent(self.name, "has no such file.", provider_code="file_missing") from None
        except OSError as error:
            raise self._trouble(error) from error

    async def delete_file(self, key: str) -> None:
        await self._in_thread(self._path(key).unlink, True)

    def _path(self, key: str) -> Path:
        """Raises ValueError for a name that the hub has not made: no name leads out of the root."""
        if not _KEY.fullmatch(key):
            raise ValueError("not the name of a file of ours")
        return self._root / key

    async def _in_thread(self, work: object, *arguments: object) -> None:
        try:
            await asyncio.to_thread(work, *arguments)  # type: ignore[arg-type]
        except OSError as error:
            raise self._trouble(error) from error

    def _trouble(self, error: OSError) -> ProviderTransient:
        """Without the path, which is nobody's business."""
        return ProviderTransient(self.name, f"cannot be reached ({type(error).__name__}).")

    def _try(self) -> None:
        self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryFile(dir=self._root):
            pass

    def _write(self, path: Path, content: bytes) -> None:
        """On the disk before it has its name, and its name on the disk before anybody is told."""
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        number, draft = tempfile.mkstemp(dir=path.parent, prefix=".draft-")
        try:
            with os.fdopen(number, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(draft).replace(path)
        except BaseException:
            Path(draft).unlink(missing_ok=True)
            raise
        _sync(path.parent)


def _sync(directory: Path) -> None:
    if os.name == "nt":  # knows no such thing
        return
    number = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
