"""Files in a directory and in a bucket: the same port, and no name that leads anywhere else."""

import asyncio
import os
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from adapters.files import LocalFileStore, S3FileStore
from adapters.files.signing import RequestSigner
from adapters.transport import Transport
from hub.core.clock import SystemClock
from hub.core.errors import ProviderPermanent, ProviderTransient
from hub.resilience.policy import ResiliencePolicy
from hub.resilience.retry import Backoff
from sandbox import s3
from sandbox.state import SandboxConfig, SandboxState

KEY = f"0a/{'1' * 30}0a-{'f' * 64}"
SIGNER = RequestSigner(s3.ACCESS_KEY_ID, s3.SECRET_ACCESS_KEY, s3.REGION)


class Late(SystemClock):
    """A clock that is wrong."""

    def now(self) -> datetime:
        return super().now() - timedelta(hours=1)


@asynccontextmanager
async def emulator(trouble: list[Any]) -> AsyncIterator[str]:
    """`trouble`: answers given before the true one."""

    @web.middleware
    async def struck(request: web.Request, handler: Any) -> web.StreamResponse:
        return trouble.pop(0) if trouble else await handler(request)

    app = web.Application(middlewares=[struck], client_max_size=40 * 1024 * 1024)
    s3.setup(app, SandboxState(SandboxConfig("http://127.0.0.1:9"), lambda _: None))
    async with TestServer(app) as server:
        yield str(server.make_url("/storage"))


@pytest.fixture
def trouble() -> list[Any]:
    return []


@pytest.fixture
async def bucket(trouble: list[Any]) -> AsyncIterator[S3FileStore]:
    policies, clock = {"storage": ResiliencePolicy(timeout=5, backoff=Backoff(initial_delay=0.001))}, SystemClock()
    opened = Transport.open_with_session(clock=clock, chance=random.Random(1), policies=policies)
    async with emulator(trouble) as url, opened as way:
        yield S3FileStore(way, base_url=url, bucket=s3.BUCKET, signer=SIGNER, clock=clock)


def other(like: S3FileStore, /, **more: Any) -> S3FileStore:
    """The same with something wrong about it."""
    known = {"base_url": like._url.removesuffix(f"/{s3.BUCKET}"), "bucket": s3.BUCKET, "signer": SIGNER}
    return S3FileStore(like._transport, **(known | {"clock": SystemClock()} | more))  # type: ignore[arg-type]


@pytest.fixture(params=["directory", "bucket"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    return LocalFileStore(tmp_path / "files") if request.param == "directory" else request.getfixturevalue("bucket")


async def test_what_is_put_is_got_until_it_is_removed(files: Any):
    await files.check_access()
    await files.put_file(KEY, b"\0content\xff", "image/png")
    await files.put_file(KEY, b"\0content\xff", "image/png")
    assert await files.get_file(KEY) == b"\0content\xff"
    await files.delete_file(KEY)
    await files.delete_file(KEY)
    with pytest.raises(ProviderPermanent) as caught:
        await files.get_file(KEY)
    assert caught.value.provider_code == "file_missing"


@pytest.mark.filterwarnings("ignore:Sending a large body")
async def test_a_large_file_goes_through(files: Any):
    content = random.Random(1).randbytes(3 * 1024 * 1024)
    await files.put_file(KEY, content, "application/pdf")
    assert await files.get_file(KEY) == content


@pytest.mark.parametrize("key", ["../secret", "/etc/passwd", "0a/../../x", f"{KEY}/x", KEY.upper(), "", f"{KEY}\n"])
async def test_no_name_leads_out_of_the_directory(tmp_path: Path, key: str):
    files = LocalFileStore(tmp_path / "files")
    for ask in (files.get_file(key), files.put_file(key, b"x", ""), files.delete_file(key)):
        with pytest.raises(ValueError, match="not the name"):
            await ask
    assert list(os.scandir(tmp_path)) == []


async def test_files_are_for_the_hub_alone_and_never_half(tmp_path: Path):
    files = LocalFileStore(tmp_path / "files")
    await asyncio.gather(*(files.put_file(KEY, b"x" * 100_000, "") for _ in range(8)))
    (found,) = [one for one in (tmp_path / "files").rglob("*") if one.is_file()]
    assert (found.stat().st_mode & 0o077, found.stat().st_size) == (0, 100_000)


async def test_a_root_that_is_a_file_is_trouble_without_its_path(tmp_path: Path):
    (tmp_path / "files").write_text("in the way")
    with pytest.raises(ProviderTransient) as caught:
        await LocalFileStore(tmp_path / "files").put_file(KEY, b"x", "")
    assert str(tmp_path) not in str(caught.value)


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"signer": replace(SIGNER, secret_access_key="wrong")}, "SignatureDoesNotMatch"),
        ({"signer": replace(SIGNER, access_key_id="nobody")}, "InvalidAccessKeyId"),
        ({"signer": replace(SIGNER, region="eu-west-1")}, "AuthorizationHeaderMalformed"),
        ({"clock": Late()}, "RequestTimeTooSkewed"), ({"bucket": "elsewhere"}, "NoSuchBucket"),
    ],
)  # fmt: skip
async def test_who_is_refused_learns_why(bucket: S3FileStore, more: dict[str, Any], code: str):
    with pytest.raises(ProviderPermanent) as caught:
        await other(bucket, **more).put_file(KEY, b"x", "image/png")
    assert caught.value.provider_code == code


async def test_a_service_that_is_busy_is_asked_again(bucket: S3FileStore, trouble: list[Any]):
    trouble += [web.Response(status=503, text="<Error><Code>SlowDown</Code></Error>"), web.Response(status=500)]
    await bucket.put_file(KEY, b"x", "image/png")
    assert await bucket.get_file(KEY) == b"x"


async def test_a_bucket_that_is_gone_is_not_a_file_that_is_gone(bucket: S3FileStore):
    with pytest.raises(ProviderPermanent) as caught:
        await other(bucket, bucket="elsewhere").delete_file(KEY)
    assert caught.value.provider_code == "NoSuchBucket"


def test_the_signature_is_the_one_of_amazons_own_example():
    """GET Object of docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html."""
    signer = RequestSigner("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "us-east-1")
    at = datetime(2013, 5, 24, tzinfo=UTC)
    url = "https://examplebucket.s3.amazonaws.com/test.txt"
    headers = signer.sign_headers("GET", url, b"", at, range="bytes=0-9")
    signature = "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
    assert headers["Authorization"].endswith(
        f"SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, Signature={signature}"
    )


def test_a_query_is_signed_in_order():
    """GET Bucket (List Objects) of the same page."""
    signer = RequestSigner("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "us-east-1")
    at = datetime(2013, 5, 24, tzinfo=UTC)
    headers = signer.sign_headers("GET", "https://examplebucket.s3.amazonaws.com/?prefix=J&max-keys=2", b"", at)
    assert headers["Authorization"].endswith("34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7")


def test_no_secret_shows():
    assert "sandbox-secret" not in repr(SIGNER)
