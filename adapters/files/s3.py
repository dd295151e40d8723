"""Files in a bucket of S3, or of whatever speaks its language (MinIO, Ceph, R2, Supabase Storage).

Buckets are named in the path, not in the host: that is understood everywhere.
"""

import re
from urllib.parse import quote

from adapters.files.signing import RequestSigner
from adapters.transport import CallSender, ProviderCall, ProviderResponse, make_refusal_error
from hub.core.clock import Clock
from hub.core.errors import ProviderPermanent

_MISSING = 404
_CODE = re.compile(rb"<Code>([A-Za-z0-9]{1,60})</Code>")


class S3FileStore:
    """`base_url` is the service's own address, such as https://s3.eu-central-1.amazonaws.com.

    A file is written once under a name of its own, so that to write or remove it twice changes nothing: all of these
    are repeated as reads are.
    """

    name = "storage"

    def __init__(
        self, transport: CallSender, *, base_url: str, bucket: str, signer: RequestSigner, clock: Clock
    ) -> None:
        self._transport = transport
        self._url = f"{base_url.rstrip('/')}/{quote(bucket, safe='')}"
        self._signer = signer
        self._clock = clock

    async def check_access(self) -> None:
        """Asks whether the bucket is there and ours. Raises ProviderError."""
        answer = await self._ask("HEAD", "", "bucket.head")
        if not answer.ok:
            raise _refused(answer)

    async def put_file(self, key: str, content: bytes, content_type: str) -> None:
        answer = await self._ask("PUT", key, "object.put", content, content_type)
        if not answer.ok:
            raise _refused(answer)

    async def get_file(self, key: str) -> bytes:
        answer = await self._ask("GET", key, "object.get")
        if answer.status == _MISSING:
            raise ProviderPermanent(self.name, "has no such file.", provider_code="file_missing")
        if not answer.ok:
            raise _refused(answer)
        return answer.body

    async def delete_file(self, key: str) -> None:
        answer = await self._ask("DELETE", key, "object.delete")
        if not answer.ok and not (answer.status == _MISSING and _code(answer) == "NoSuchKey"):
            raise _refused(answer)

    async def _ask(
        self, method: str, key: str, operation: str, body: bytes | None = None, content_type: str = ""
    ) -> ProviderResponse:
        url = f"{self._url}/{quote(key, safe='/-_.~')}" if key else self._url
        more = {"content_type": content_type} if content_type else {}
        headers = self._signer.sign_headers(method, url, body or b"", self._clock.now(), **more)
        call = ProviderCall(
            provider=self.name, operation=operation, method=method, url=url, headers=headers, body=body, is_read=True
        )
        return await self._transport.send_call(call)


def _refused(answer: ProviderResponse) -> Exception:
    return make_refusal_error(answer, code=_code(answer))


def _code(answer: ProviderResponse) -> str | None:
    """S3's own word for it: a short one in XML."""
    found = _CODE.search(answer.body[:2000])
    return found[1].decode() if found else None
