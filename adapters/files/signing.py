"""AWS Signature Version 4 in the Authorization header, as S3 wants it (docs.aws.amazon.com, "sigv4-create")."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit


@dataclass(frozen=True, slots=True)
class RequestSigner:
    """`service` is s3; its paths are encoded once, where other services encode them twice."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    region: str
    service: str = "s3"

    def sign_headers(self, method: str, url: str, body: bytes, now: datetime, **more: str) -> dict[str, str]:
        """All headers that are to be sent. `more` are signed too; the query of `url` has to be empty or encoded."""
        stamp, parts = now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ"), urlsplit(url)
        digest = hashlib.sha256(body).hexdigest()
        signed = {"host": parts.netloc, "x-amz-content-sha256": digest, "x-amz-date": stamp}
        signed |= {name.replace("_", "-").lower(): " ".join(value.split()) for name, value in more.items()}
        request = build_canonical_request(method, parts.path, parts.query, signed, digest)
        scope = f"{stamp[:8]}/{self.region}/{self.service}/aws4_request"
        text = "\n".join(("AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(request.encode()).hexdigest()))
        proof = hmac.new(self._key(stamp[:8]), text.encode(), hashlib.sha256).hexdigest()
        names = ";".join(sorted(signed))
        authorization = (
            f"AWS4-HMAC-SHA256 Credential={self.access_key_id}/{scope}, SignedHeaders={names}, Signature={proof}"
        )
        return {**{name: value for name, value in signed.items() if name != "host"}, "Authorization": authorization}

    def _key(self, day: str) -> bytes:
        key = f"AWS4{self.secret_access_key}".encode()
        for part in (day, self.region, self.service, "aws4_request"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        return key


def build_canonical_request(method: str, path: str, query: str, headers: Mapping[str, str], digest: str) -> str:
    """`query` as it stands in the address, `sign_headers` with names in small letters."""
    pairs = sorted((name, value) for name, _, value in (one.partition("=") for one in query.split("&") if one))
    lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
    return "\n".join((
        method,
        quote(path or "/", safe="/-_.~%"),
        "&".join(f"{name}={value}" for name, value in pairs),
        lines,
        ";".join(sorted(headers)),
        digest,
    ))  # fmt: skip
