"""Tickets, vouchers and pictures beside a plan."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Literal, Self
from urllib.parse import quote, unquote
from uuid import UUID

from aiohttp import BodyPartReader, web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.multipart import MultipartReader
from pydantic import Field, WithJsonSchema

from hub.core.errors import BadRequest, TooLarge
from hub.planning.files import MAX_UPLOAD_BYTES, Attachment, Attachments
from routes.web.endpoint_api import OPTIONAL, OWN_DATA, ApiModel, Call, Reply, delete, get, post

TAGS = ("plans",)
MAX_FORM_OVERHEAD = 64 * 1024
"""Bytes that the form around a file may have."""
UPLOAD_TIMEOUT = 120.0
"""Seconds for a file to arrive and to be looked through."""
_CHUNK = 64 * 1024
_MOST_PARTS = 10
_BROKEN = (ValueError, AssertionError, EOFError, web.RequestPayloadError, HttpProcessingError, LookupError)


class AttachmentOut(ApiModel):
    id: UUID
    name: str = Field(examples=["ticket.pdf"])
    content_type: Literal["image/jpeg", "image/png", "image/webp", "application/pdf"]
    size: int = Field(description="bytes, as it is kept: written anew, so other than what was sent")
    width: int | None = Field(description="of a picture, in pixels")
    height: int | None
    pages: int | None = Field(description="of a PDF")
    created_at: datetime
    url: str = Field(examples=["/api/plan/01934e1f-0000-7000-8000-000000000001/attachments/01934e1f-…"])

    @classmethod
    def from_domain(cls, one: Attachment) -> Self:
        same = "id name content_type size width height pages created_at".split()
        url = f"/api/plan/{one.plan_id}/attachments/{one.id}"
        return cls(url=url, **{name: getattr(one, name) for name in same})


class AttachmentsOut(ApiModel):
    items: list[AttachmentOut]


class AttachmentQuery(ApiModel):
    t: str | None = Field(default=None, max_length=200, description="the plan's share token")


class UploadIn(ApiModel):
    """The form of an upload. Other fields of the form are skipped."""

    file: Annotated[bytes, WithJsonSchema({"type": "string", "format": "binary"})]


class AttachmentRoutes:
    def __init__(self, attachments: Attachments) -> None:
        self._attachments = attachments

    @post(
        "/api/plan/{plan_id}/attachments",
        status=201,
        permission=OWN_DATA,
        timeout=UPLOAD_TIMEOUT,
        request_model=UploadIn,
        tags=TAGS,
    )
    async def add(self, call: Call, plan_id: UUID) -> AttachmentOut:
        """Put a picture or a PDF beside your plan: `multipart/form-data` with one `file` of at most 10 MiB.

        What it is shows in its content, not in its name. It is written anew: a picture (JPEG, PNG, WebP, GIF) without
        place, time and camera and with its first frame alone, a PDF without scripts, actions and files within. The
        same file again is the attachment that is there. 409 `too_many_attachments` beyond twenty.
        """
        part = await _file_of(call.request)
        name = unquote(part.filename or "")  # as programs, and browsers in part, write it into a form
        found = await self._attachments.add_attachment(call.signed_in_caller, plan_id, name, _chunks(part))
        return AttachmentOut.from_domain(found)

    @get("/api/plan/{plan_id}/attachments", permission=OPTIONAL, tags=TAGS)
    async def list(self, call: Call, plan_id: UUID, query: AttachmentQuery) -> AttachmentsOut:
        """What is beside a plan of yours, or one that you have the link of, the oldest first."""
        found = await self._attachments.list_attachments(call.caller, plan_id, token=query.t)
        return AttachmentsOut(items=[AttachmentOut.from_domain(one) for one in found])

    @get(
        "/api/plan/{plan_id}/attachments/{attachment_id}", permission=OPTIONAL, tags=TAGS,
        response_type="application/pdf", other_types=("image/jpeg", "image/png", "image/webp"),
    )  # fmt: skip
    async def read(self, call: Call, plan_id: UUID, attachment_id: UUID, query: AttachmentQuery) -> Reply:
        """The file, to be saved."""
        found, content = await self._attachments.read_attachment(call.caller, plan_id, attachment_id, token=query.t)
        return Reply(content, headers=_headers(found), content_type=found.content_type)

    @delete("/api/plan/{plan_id}/attachments/{attachment_id}", permission=OWN_DATA, tags=TAGS)
    async def remove(self, call: Call, plan_id: UUID, attachment_id: UUID) -> None:
        """Take it away from your plan."""
        await self._attachments.delete_attachment(call.signed_in_caller, plan_id, attachment_id)


def _headers(found: Attachment) -> dict[str, str]:
    """It is saved and never shown as a page of ours, whatever a browser thinks of it."""
    plain = "".join(one if one.isascii() and one.isprintable() and one not in '"\\' else "_" for one in found.name)
    disposition = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(found.name, safe='')}"
    return {
        "Content-Disposition": disposition,
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Resource-Policy": "same-site",
        "Cache-Control": "private, no-store",
    }


async def _file_of(request: web.Request) -> BodyPartReader:
    """The part named `file`. Raises TooLarge, BadRequest for what is no form, or one without a file."""
    if request.content_type != "multipart/form-data":
        raise BadRequest("The body has to be multipart/form-data.", code="not_a_form")
    if (request.content_length or 0) > MAX_UPLOAD_BYTES + MAX_FORM_OVERHEAD:
        raise TooLarge(f"A file may have {MAX_UPLOAD_BYTES} bytes.")
    try:
        return await _named(await request.multipart(), "file")
    except _BROKEN as error:
        raise _unreadable() from error


async def _named(form: MultipartReader, name: str) -> BodyPartReader:
    """Raises BadRequest when it is not among the first parts, or behind a large one."""
    for _ in range(_MOST_PARTS):
        part = await form.next()
        if not isinstance(part, BodyPartReader):
            break
        if part.name == name:
            return part
        size = 0
        while not part.at_eof():
            size += len(await part.read_chunk(_CHUNK))
            if size > MAX_FORM_OVERHEAD:
                raise TooLarge("The form is too large.")
    raise BadRequest("The form has no file named `file`.", code="file_missing")


async def _chunks(part: BodyPartReader) -> AsyncIterator[bytes]:
    """As it was sent: a transfer encoding within a form is no use of HTTP's."""
    try:
        while not part.at_eof():
            yield await part.read_chunk(_CHUNK)
    except _BROKEN as error:
        raise _unreadable() from error


def _unreadable() -> BadRequest:
    return BadRequest("The form could not be read.", code="unreadable_body")
