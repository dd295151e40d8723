"""Checks AWS Signature Version 4 as it was sent: from the bytes of the request line and headers up."""

import hashlib
import hmac
import re
from datetime import UTC, datetime, timedelta

from aiohttp import web

MAX_CLOCK_SKEW = timedelta(minutes=15)
_HEADER = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/,]+)/(\d{8})/([^/,]+)/([^/,]+)/aws4_request, ?"
    r"SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{64})"
)


class S3ApiError(Exception):
    def __init__(self, status: int, code: str, message: str) -> None:
        self.status = status
        self.code = code
        self.message = message
        super().__init__(code)


def check_signature(request: web.Request, body: bytes, credentials: tuple[str, str, str], now: datetime) -> None:
    """`credentials`: key id, secret, region. Raises S3ApiError in S3's words."""
    key_id, secret, region = credentials
    found = _HEADER.fullmatch(request.headers.get("Authorization", ""))
    if found is None:
        raise S3ApiError(403, "AccessDenied", "Access Denied")
    given_id, day, given_region, service, names, proof = found.groups()
    if given_id != key_id:
        raise S3ApiError(403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.")
    if (given_region, service) != (region, "s3"):
        raise S3ApiError(
            400, "AuthorizationHeaderMalformed", f"The authorization header is malformed; expecting '{region}'"
        )
    stamp = _checked_date(request, day, now)
    digest = _checked_digest(request, body)
    text = _string_to_sign(request, names.split(";"), (stamp, f"{day}/{region}/s3/aws4_request"), digest)
    if not hmac.compare_digest(_sign(secret, (day, region), text), proof):
        raise S3ApiError(403, "SignatureDoesNotMatch", "The request signature we calculated does not match.")


def _checked_date(request: web.Request, day: str, now: datetime) -> str:
    stamp = request.headers.get("X-Amz-Date", "")
    try:
        at = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise S3ApiError(403, "AccessDenied", "AWS authentication requires a valid Date or x-amz-date header") from None
    if abs(now - at) > MAX_CLOCK_SKEW or stamp[:8] != day:
        raise S3ApiError(403, "RequestTimeTooSkewed", "The difference between the request time and ours is too large.")
    return stamp


def _checked_digest(request: web.Request, body: bytes) -> str:
    digest = request.headers.get("X-Amz-Content-Sha256", "")
    if not digest:
        raise S3ApiError(400, "InvalidRequest", "Missing required header for this request: x-amz-content-sha256")
    if digest != hashlib.sha256(body).hexdigest():
        raise S3ApiError(400, "XAmzContentSHA256Mismatch", "The provided 'x-amz-content-sha256' header does not match.")
    return digest


def _string_to_sign(request: web.Request, names: list[str], when: tuple[str, str], digest: str) -> str:
    """Every x-amz header and the host have to be signed: an unsigned one could have been added on the way."""
    must = {"host"} | {name.lower() for name in request.headers if name.lower().startswith("x-amz-")}
    if not must <= set(names) or names != sorted(names):
        raise S3ApiError(403, "AccessDenied", "There were headers present in the request which were not signed")
    path, _, query = request.raw_path.partition("?")
    pairs = sorted(one if "=" in one else f"{one}=" for one in query.split("&") if one)
    lines = [f"{name}:{' '.join(request.headers.get(name, '').split())}\n" for name in names]
    canonical = [request.method, path, "&".join(pairs), "".join(lines), ";".join(names), digest]
    summary = hashlib.sha256("\n".join(canonical).encode()).hexdigest()
    return "\n".join(["AWS4-HMAC-SHA256", *when, summary])


def _sign(secret: str, where: tuple[str, str], text: str) -> str:
    day, region = where
    key = hmac.new(b"AWS4" + secret.encode(), day.encode(), "sha256").digest()
    key = hmac.new(key, region.encode(), "sha256").digest()
    key = hmac.new(hmac.new(key, b"s3", "sha256").digest(), b"aws4_request", "sha256").digest()
    return hmac.new(key, text.encode(), "sha256").hexdigest()
