"""A rendered message as it is stored between two attempts to send it."""

import base64
from dataclasses import asdict, replace
from typing import Any

import orjson

from hub.outreach.messaging.model import Attachment, Email, Text


def to_json(message: Email | Text) -> str:
    """The content of attachments in base64."""
    document: dict[str, Any] = asdict(message)
    if isinstance(message, Email):
        document["attachments"] = [
            asdict(replace(part, content=b"")) | {"content": base64.b64encode(part.content).decode()}
            for part in message.attachments
        ]
    return orjson.dumps(document).decode()


def from_json(text: str) -> Email | Text:
    document = orjson.loads(text)
    if "subject" not in document:
        return Text(**document)
    parts = (part | {"content": base64.b64decode(part["content"])} for part in document.pop("attachments"))
    return Email(**document, attachments=tuple(Attachment(**part) for part in parts))
