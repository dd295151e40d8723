"""Logs: one line per event, `noun.verb_result` with fields; JSON for machines, colours for people.

Everything that is written passes the redaction, the standard library's loggers and the tracebacks included.
"""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, Literal, TextIO

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from hub.core.context import current
from hub.core.redaction import field, scrub

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
# Ours, and never personal: not worth a search on each line.
_PLAIN = frozenset({"level", "timestamp", "logger", "method", "route", "status", "request_id", "duration_ms"})
_QUIET = ("aiohttp.access", "asyncio", "stripe", "httpx", "httpx2", "twilio", "openai", "urllib3", "pgqueuer")


def setup(
    *, level: Literal["debug", "info", "warning", "error"], style: Literal["json", "console"], stream: TextIO | None = None
) -> None:
    """Sets up structlog and the standard library's logging for this process. Called once, by whoever starts it."""
    out = stream or sys.stdout
    shared = _shared()
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(_formatter(style, shared))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(LEVELS[level])
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, LEVELS[level]))


def _shared() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        _about,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        redacted,
    ]
