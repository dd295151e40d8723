"""Has uploads read and written anew by a program of its own (see washing.py)."""

import asyncio
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import structlog

from hub.core.errors import FieldError, InvalidRequest
from hub.planning.files import sanitize_process

log = structlog.get_logger(__name__)

TIMEOUT = 30.0
"""Seconds for one file."""
MAX_CONCURRENT = 2

_PASSED_ON = ("PATH", "HOME", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "SYSTEMROOT", "LD_LIBRARY_PATH")
"""Of the environment only what Python needs to start: no secret of the hub's is in that program."""
_WHY = {
    "unsupported_file": "is neither a JPEG, PNG, WebP or GIF picture nor a PDF",
    "unreadable_file": "is damaged, or of a kind that cannot be read",
    "too_many_pixels": f"has more than {sanitize_process.MAX_PIXELS // 1_000_000} million pixels",
    "too_many_pages": f"has more than {sanitize_process.MAX_PAGES} pages",
    "too_large": "is too large once it has been unpacked",
    "locked_file": "is locked with a password",
}


@dataclass(frozen=True, slots=True)
class SanitizedFile:
    """`width` and `height` in pixels, upright; None for a PDF. `pages` None for a picture."""

    content_type: str
    suffix: str
    width: int | None
    height: int | None
    pages: int | None


@dataclass(frozen=True, slots=True)
class FileSanitizer:
    """At most `at_once` files at a time; the others wait."""

    timeout: float = TIMEOUT
    slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MAX_CONCURRENT))

    async def sanitize_file(self, source: Path, target: Path) -> SanitizedFile:
        """From `source` to `target`. Raises InvalidRequest at /file with a code of washing.Refused."""
        async with self.slots:
            code, said = await self._run(source, target)
        if code == 1 or (code > 0 and not said):
            log.warning("attachment.wash_failed", exit=code)
        found = _document(said) if code == 0 else {"refused": "unreadable_file"}
        if "refused" in found:
            raise make_rejection_error(found["refused"])
        return SanitizedFile(**found)

    async def _run(self, source: Path, target: Path) -> tuple[int, bytes]:
        """Its exit code and what it said; it is gone when this returns, however that comes about."""
        environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-B", sanitize_process.__file__, str(source), str(target),
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
            env=environment, cwd=source.parent,
        )  # fmt: skip
        try:
            async with asyncio.timeout(self.timeout):
                said, _ = await process.communicate()
        except TimeoutError:
            return -1, b""
        finally:
            if process.returncode is None:
                process.kill()
                await asyncio.shield(process.wait())
        return process.returncode or 0, said


def _document(said: bytes) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(said)
    return found


def make_rejection_error(code: str) -> InvalidRequest:
    return InvalidRequest(errors=(FieldError("/file", code, _WHY.get(code, "cannot be taken")),))
