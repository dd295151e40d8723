"""Conditional and compressed answers: an ETag on every GET that may be stored, gzip or zstd for what is worth it."""

import asyncio

from aiohttp import hdrs, web

from hub.core.compression import (
    IDENTITY,
    MIN_SIZE,
    CompressedBodyCache,
    choose_encoding,
    compress_body,
    compute_weak_etag,
)

_OK, _NOT_MODIFIED = 200, 304
_APART = 256 * 1024
"""Bytes of a body that is compressed outside the event loop."""
_COMPRESSIBLE = ("text/", "application/json", "application/problem+json", "application/javascript")
_OF_A_BODY = frozenset({hdrs.CONTENT_TYPE, hdrs.CONTENT_LENGTH, hdrs.CONTENT_ENCODING})


def revalidate_response(request: web.Request, response: web.StreamResponse, *, public: bool) -> web.StreamResponse:
    """The answer to a GET with its ETag, or 304 when the client has it already. `no-store` answers stay as they are."""
    body = _body(response)
    if request.method not in {"GET", "HEAD"} or response.status != _OK or body is None:
        return response
    headers = response.headers
    if "no-store" in headers.get(hdrs.CACHE_CONTROL, ""):
        return response
    headers.setdefault(hdrs.CACHE_CONTROL, "no-cache" if public else "private, no-cache")
    if hdrs.ETAG not in headers:
        headers[hdrs.ETAG] = compute_weak_etag(body)
    if not _has(request, headers[hdrs.ETAG]):
        return response
    kept = {name: value for name, value in headers.items() if name not in _OF_A_BODY}
    return web.Response(status=_NOT_MODIFIED, headers=kept)


def _has(request: web.Request, etag: str) -> bool:
    """Weak comparison (RFC 9110): what is asked about is the same answer, whatever its encoding was."""
    given = request.headers.get(hdrs.IF_NONE_MATCH)
    if given is None:
        return False
    tags = {tag.strip().removeprefix("W/") for tag in given.split(",")}
    return "*" in tags or etag.removeprefix("W/") in tags


async def compress_response(request: web.Request, response: web.StreamResponse, bodies: CompressedBodyCache) -> None:
    """Compresses the body where the client takes it. What has an ETag is sent again, so its packed form is kept.

    Pages are left alone for who has a cookie: compression would show an eavesdropper what a page repeats of a
    request (BREACH), and pages have secrets in their forms.
    """
    body, headers = _body(response), response.headers
    if body is None or not _is_compressible(request, response):
        return
    vary = headers.get(hdrs.VARY)
    headers[hdrs.VARY] = f"{hdrs.ACCEPT_ENCODING}, {vary}" if vary else hdrs.ACCEPT_ENCODING
    encoding = choose_encoding(request.headers.get(hdrs.ACCEPT_ENCODING, ""))
    if hdrs.CONTENT_ENCODING in headers or encoding == IDENTITY or len(body) < MIN_SIZE:
        return
    if hdrs.ETAG in headers and len(body) < _APART:
        packed = bodies.get(body, encoding)
    elif hdrs.ETAG in headers:
        packed = await asyncio.to_thread(bodies.get, body, encoding)
    else:
        packed = (
            await asyncio.to_thread(compress_body, body, encoding)
            if len(body) >= _APART
            else compress_body(body, encoding)
        )
    if isinstance(response, web.Response):
        response.body = packed
        headers[hdrs.CONTENT_ENCODING] = encoding


def _body(response: web.StreamResponse) -> bytes | None:
    body = response.body if isinstance(response, web.Response) else None
    return body if isinstance(body, bytes) else None


def _is_compressible(request: web.Request, response: web.StreamResponse) -> bool:
    kind = response.headers.get(hdrs.CONTENT_TYPE, "")
    if kind.startswith("text/html") and hdrs.COOKIE in request.headers:
        return False
    return kind.startswith(_COMPRESSIBLE) and response.status not in {204, _NOT_MODIFIED}
