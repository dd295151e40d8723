"""A rendered message as it is stored between two attempts to send it."""

import base64
from dataclasses import asdict, replace
from typing import Any

import orjson

from hub.outreach.messaging.model import Attachment, EmailMessage, TextMessage


def message_to_json(message: EmailMessage | TextMessage) -> str:
    """The content of attachments in base64."""
    document: dict[str, Any] = asdict(message)
    if isinstance(message, EmailMessage):
        document["attachments"] = [
            asdict(replace(part, content=b"")) | {"content": base64.b64encode(part.content).decode()}
            for part in message.attachments
        ]
    return orjson.dumps(document).decode()


def message_from_json(text: str) -> EmailMessage | TextMessage:
    document = orjson.loads(text)
    if "subject" not in document:
        return TextMessage(**document)
    parts = (part | {"content": base64.b64decode(part["content"])} for part in document.pop("attachments"))
    return EmailMessage(**document, attachments=tuple(Attachment(**part) for part in parts))
