"""Stored search answers on the wire: the offers are compressed once, whatever age they are sent at."""

import gzip
import json

import pytest
from backports import zstd

from hub.core.cache import CachedValue
from hub.core.compression import CompressedTail
from hub.supply.flights.search_responses import SearchResponseEncoder

BODY = b'{"sources":[{"status":"ok","age_s":0}],"offers":[' + b",".join([b'{"id":"x"}'] * 200) + b"]}"
UNPACK = {"gzip": gzip.decompress, "zstd": zstd.decompress}


@pytest.mark.parametrize("encoding", UNPACK)
def test_offers_are_compressed_once_and_the_age_is_that_of_now(monkeypatch: pytest.MonkeyPatch, encoding: str):
    packed: list[str] = []
    monkeypatch.setattr(
        CompressedTail,
        "from_plain",
        staticmethod(lambda plain, kind, of=CompressedTail.from_plain: packed.append(kind) or of(plain, kind)),
    )
    answers = SearchResponseEncoder()
    sent = [answers.encode_response("HAM-LHR", CachedValue(BODY, age, "fresh"), encoding) for age in (0, 1, 1, 5)]
    ages = [json.loads(UNPACK[encoding](answer.body))["sources"][0]["age_s"] for answer in sent]
    assert (ages, packed) == ([0, 1, 1, 5], [encoding])
    assert sent[1].body is sent[2].body
    assert len({answer.etag for answer in sent}) == 1
