"""Answers to GETs are compressed and revalidated; a client that cannot, or must not, gets them plain."""

import pytest

from tests.routes.web.toy import Toy, bearer

LONG = {"q": "", "kinds": ["x" * 50] * 60}


def path() -> str:
    return "/orders?" + "&".join(f"kinds={kind}" for kind in LONG["kinds"])


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
async def test_a_long_answer_is_compressed_as_the_client_wishes(encoding):
    async with Toy() as client:
        answer = await client.get(path(), headers={"Accept-Encoding": encoding})
        assert answer.headers["Content-Encoding"] == encoding
        assert answer.headers["Vary"] == "Accept-Encoding"
        assert int(answer.headers["Content-Length"]) < 500
        assert (await answer.json())["kinds"] == LONG["kinds"]


async def test_a_short_answer_and_a_client_without_compression_stay_plain():
    async with Toy() as client:
        short = await client.get("/orders", headers={"Accept-Encoding": "gzip"})
        plain = await client.get(path(), headers={"Accept-Encoding": "identity"})
        assert not {"Content-Encoding"} & ({*short.headers} | {*plain.headers})
        assert short.headers["Vary"] == plain.headers["Vary"] == "Accept-Encoding"


async def test_an_unchanged_answer_is_304_whatever_its_encoding_was():
    async with Toy() as client:
        first = await client.get(path(), headers={"Accept-Encoding": "gzip"})
        again = await client.get(path(), headers={"If-None-Match": first.headers["ETag"]})
        assert (again.status, await again.read()) == (304, b"")
        assert again.headers["ETag"] == first.headers["ETag"]
        other = await client.get("/orders?q=other", headers={"If-None-Match": first.headers["ETag"]})
        assert other.status == 200


async def test_what_belongs_to_one_caller_is_private_and_what_must_not_be_stored_has_no_etag():
    async with Toy() as client:
        mine = await client.get("/who", headers=bearer("ada"))
        shared = await client.get("/orders/00000000-0000-0000-0000-000000000001")
        health = await client.get("/healthz")
        assert mine.headers["Cache-Control"] == "private, no-cache"
        assert shared.headers["Cache-Control"] == "no-cache"
        assert ("ETag" in mine.headers, "ETag" in shared.headers, "ETag" in health.headers) == (True, True, False)


async def test_the_document_of_the_api_has_an_etag_and_is_compressed():
    async with Toy() as client:
        answer = await client.get("/openapi.json", headers={"Accept-Encoding": "zstd"})
        assert answer.headers["Content-Encoding"] == "zstd"
        again = await client.get("/openapi.json", headers={"If-None-Match": answer.headers["ETag"]})
        assert again.status == 304


async def test_allow_names_only_methods_that_can_succeed():
    async with Toy() as client:
        for wrong, allow in [
            ("/orders", "GET, HEAD, OPTIONS, POST"),
            ("/raw", "OPTIONS, POST"),
            ("/who", "GET, HEAD, OPTIONS"),
        ]:
            answer = await client.put(wrong)
            assert (answer.status, answer.headers["Allow"]) == (405, allow)
            assert (await client.options(wrong)).headers["Allow"] == allow
        number = await client.put("/orders/17")
        assert (number.status, number.headers["Allow"]) == (405, "DELETE, OPTIONS")
