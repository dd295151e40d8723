"""What is logged, as it would be written."""

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog

from hub.core.logging import configure_logging


class Lines:
    """The lines so far."""

    def __init__(self) -> None:
        self.stream = io.BytesIO()

    @property
    def text(self) -> str:
        return self.stream.getvalue().decode()

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]


@contextmanager
def logging_to_memory(**options: Any) -> Iterator[Lines]:
    """Configures the real logging with an end in memory, and puts everything back."""
    root, lines, before = logging.getLogger(), Lines(), structlog.get_config()
    handlers, level = root.handlers[:], root.level
    try:
        configure_logging(out=lines.stream, **options)
        yield lines
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        structlog.configure(**before)
