"""Compressed answers, read by decoders that know nothing of how they were put together."""

import gzip
import zlib

import pytest
from backports import zstd
from hypothesis import given
from hypothesis import strategies as st

from hub.core.compression import CompressedBodyCache, CompressedTail, choose_encoding, compress_body

BODIES = st.one_of(st.binary(max_size=300), st.text(max_size=50).map(lambda text: text.encode() * 400))


def unpack(body: bytes, encoding: str) -> bytes:
    """As a browser does: one gzip member, or one zstd frame, and nothing behind it."""
    if encoding == "gzip":
        reader = zlib.decompressobj(wbits=31)
        plain = reader.decompress(body) + reader.flush()
        assert (reader.eof, reader.unused_data) == (True, b"")
        return plain
    frame = zstd.ZstdDecompressor()
    plain = frame.decompress(body)
    assert (frame.eof, frame.unused_data) == (True, b"")
    return plain


@given(BODIES, BODIES, st.sampled_from(["gzip", "zstd"]))
def test_a_head_before_a_packed_tail_is_one_compressed_body(head, tail, encoding):
    packed = CompressedTail.from_plain(tail, encoding)
    assert unpack(packed.prepend_head(head), encoding) == head + tail
    assert unpack(packed.prepend_head(head + b"!"), encoding) == head + b"!" + tail


@given(BODIES)
def test_a_whole_body_comes_back(body):
    assert gzip.decompress(compress_body(body, "gzip")) == zstd.decompress(compress_body(body, "zstd")) == body


@pytest.mark.parametrize(
    ("accept", "encoding"),
    [
        ("", ""), ("gzip", "gzip"), ("gzip, deflate, br, zstd", "zstd"), ("GZIP;q=1.0, zstd;q=0.5", "gzip"),
        ("zstd;q=0, gzip", "gzip"), ("*", "zstd"), ("identity", ""), ("gzip;q=0", ""), ("gzip;q=x", ""), ("br", ""),
    ],
)  # fmt: skip
def test_the_client_chooses_the_encoding(accept, encoding):
    assert choose_encoding(accept) == encoding


def test_a_body_that_is_sent_again_is_compressed_once_and_few_are_kept():
    bodies = CompressedBodyCache(max_bytes=200)
    first = bodies.get(b"a" * 1000, "gzip")
    assert bodies.get(b"a" * 1000, "gzip") is first
    for letter in b"bcdefghijklm":
        bodies.get(bytes([letter]) * 1000, "gzip")
    assert bodies.get(b"a" * 1000, "gzip") is not first
