"""S3 with its buckets in the path: enough of it for files that are written once, and it checks every signature.

Credentials are `sandbox-access-key` and `sandbox-secret-key`, the region `us-east-1`, the bucket `travel-hub`, there
from the start. What is asked for beyond PUT, GET, HEAD and DELETE of an object and HEAD of a bucket is NotImplemented,
as S3 says it.
"""

import hashlib
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from sandbox.s3.signature import S3ApiError, check_signature
from sandbox.state import Emulator, SandboxState
from sandbox.tables import TrackedTable

ACCESS_KEY_ID = "sandbox-access-key"
SECRET_ACCESS_KEY = "sandbox-secret-key"  # noqa: S105 (nobody's)
REGION = "us-east-1"
BUCKET = "travel-hub"
PREFIX = "/storage"


@dataclass(frozen=True, slots=True)
class StoredObject:
    content: bytes
    content_type: str

    @property
    def etag(self) -> str:
        return f'"{hashlib.md5(self.content, usedforsecurity=False).hexdigest()}"'


@dataclass(slots=True)
class S3State:
    objects: TrackedTable[str, StoredObject] = field(default_factory=TrackedTable)


def setup(app: web.Application, world: SandboxState) -> None:
    """Under /storage, and what is held under /_/storage."""
    world.register_emulator(Emulator("s3", lambda _: S3State(), (StoredObject,)))
    s3 = S3Handlers(world)
    app.router.add_route("*", f"{PREFIX}/{{bucket}}", s3.handle_bucket)
    app.router.add_route("*", f"{PREFIX}/{{bucket}}/{{key:.+}}", s3.handle_object)
    app.router.add_get("/_/storage", s3.list_objects)


class S3Handlers:
    def __init__(self, world: SandboxState) -> None:
        self._world = world

    @property
    def _state(self) -> S3State:
        return self._world.get_state("s3", S3State)

    async def list_objects(self, request: web.Request) -> web.Response:
        found = [
            {"key": key, "size": len(one.content), "content_type": one.content_type}
            for key, one in sorted(self._state.objects.items())
        ]
        return web.json_response(found)

    async def handle_bucket(self, request: web.Request) -> web.Response:
        refused = await self._refused(request)
        if refused is not None:
            return refused
        if request.method != "HEAD":
            return _error(request, 501, "NotImplemented", "The sandbox knows HEAD of a bucket alone.")
        return web.Response()

    async def handle_object(self, request: web.Request) -> web.Response:
        refused = await self._refused(request)
        if refused is not None:
            return refused
        key = request.match_info["key"]
        match request.method:
            case "PUT":
                return await self._put(request, key)
            case "DELETE":
                self._state.objects.pop(key, None)
                return web.Response(status=204)
            case "GET" | "HEAD":
                return self._get(request, key)
        return _error(request, 405, "MethodNotAllowed", "The specified method is not allowed against this resource.")

    async def _refused(self, request: web.Request) -> web.Response | None:
        """What S3 says before it looks at the question: who are you, and is there such a bucket?"""
        try:
            check_signature(
                request, await request.read(), (ACCESS_KEY_ID, SECRET_ACCESS_KEY, REGION), self._world.now()
            )
        except S3ApiError as denied:
            return _error(request, denied.status, denied.code, denied.message)
        if request.match_info["bucket"] != BUCKET:
            return _error(request, 404, "NoSuchBucket", "The specified bucket does not exist")
        return None

    async def _put(self, request: web.Request, key: str) -> web.Response:
        content_type = request.headers.get("Content-Type", "binary/octet-stream")
        held = self._state.objects[key] = StoredObject(await request.read(), content_type)
        return web.Response(headers={"ETag": held.etag})

    def _get(self, request: web.Request, key: str) -> web.Response:
        held = self._state.objects.get(key)
        if held is None:
            return _error(request, 404, "NoSuchKey", "The specified key does not exist.")
        headers: dict[str, Any] = {"ETag": held.etag, "Content-Type": held.content_type}
        return web.Response(body=held.content, headers=headers)


def _error(request: web.Request, status: int, code: str, message: str) -> web.Response:
    """A HEAD is refused without a body, as everywhere."""
    xml = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>'
    body = None if request.method == "HEAD" else xml.encode()
    return web.Response(status=status, body=body, content_type="application/xml")
