"""HTTP compression: choosing an encoding, and putting a changing head before a tail that was compressed once."""

import struct
import sys
import zlib
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

IDENTITY, GZIP, ZSTD = "", "gzip", "zstd"
MIN_SIZE = 860
"""Bytes of a body below which compression gains nothing on the wire."""
_GZIP_LEVEL, _ZSTD_LEVEL = 6, 6
_GZIP_HEAD = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
_ZSTD_HEAD = b"\x28\xb5\x2f\xfd\x00\x38"
"""A frame with a window of 128 KiB and without a content size: no block may be larger than the window."""
_ZSTD_BLOCK = 1 << 16
"""Bytes that a raw block may hold, well below the 128 KiB of the format."""
_ZSTD_OPTIONS: Mapping[int, int] = {
    zstd.CompressionParameter.compression_level: _ZSTD_LEVEL,
    zstd.CompressionParameter.content_size_flag: 0,
    zstd.CompressionParameter.checksum_flag: 0,
    zstd.CompressionParameter.window_log: 17,
}


@lru_cache(maxsize=256)
def choose_encoding(accept: str) -> str:
    """The best of `zstd` and `gzip` that an Accept-Encoding header allows; empty for neither."""
    weights: dict[str, float] = {}
    for part in accept.lower().split(","):
        name, _, parameter = part.partition(";")
        weights[name.strip()] = _weight(parameter)
    rest = weights.get("*", 0.0)
    allowed = [(weights.get(name, rest), name) for name in (GZIP, ZSTD)]
    weight, name = max(allowed)
    return name if weight > 0 else IDENTITY


def _weight(parameter: str) -> float:
    key, _, value = parameter.replace(" ", "").partition("=")
    try:
        return float(value) if key == "q" else 1.0
    except ValueError:
        return 0.0


def compress_body(body: bytes, encoding: str) -> bytes:
    """The whole body, at once."""
    if encoding == ZSTD:
        return zstd.compress(body, options=_ZSTD_OPTIONS)
    return zlib.compress(body, _GZIP_LEVEL, wbits=31) if encoding == GZIP else body


@dataclass(frozen=True, slots=True)
class CompressedTail:
    """The compressed end of bodies that differ only at their beginning."""

    plain: bytes
    compressed: bytes
    encoding: str

    @classmethod
    def from_plain(cls, plain: bytes, encoding: str) -> "CompressedTail":
        if encoding == ZSTD:
            return cls(plain, zstd.compress(plain, options=_ZSTD_OPTIONS), encoding)
        return cls(plain, _deflate(plain, zlib.Z_FINISH), encoding)

    def prepend_head(self, head: bytes) -> bytes:
        """The compressed body that begins with `head`: one gzip member, or one zstd frame.

        Deflate: the blocks of the head end at a byte boundary, those of the tail refer to nothing before them; only
        the checksum spans both. Zstandard: the head is a raw block, which leaves no state that the first compressed
        block could see.
        """
        if self.encoding == GZIP:
            checksum = zlib.crc32(self.plain, zlib.crc32(head))
            size = (len(head) + len(self.plain)) & 0xFFFFFFFF
            end = struct.pack("<II", checksum, size)
            return _GZIP_HEAD + _deflate(head, zlib.Z_SYNC_FLUSH) + self.compressed + end
        if len(head) > _ZSTD_BLOCK or self.compressed[4] != 0:
            return compress_body(head + self.plain, self.encoding)
        raw = (len(head) << 3).to_bytes(3, "little")
        return _ZSTD_HEAD + raw + head + self.compressed[len(_ZSTD_HEAD) :]


def _deflate(data: bytes, flush: int) -> bytes:
    packer = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush(flush)


class CompressedBodyCache:
    """Bodies that are sent again and again, compressed once. Bounded by bytes; the least recently used go first."""

    def __init__(self, max_bytes: int = 8 * 1024 * 1024) -> None:
        self._room = max_bytes
        self._packed: OrderedDict[tuple[bytes, str], bytes] = OrderedDict()

    def get(self, body: bytes, encoding: str) -> bytes:
        key = (blake2b(body, digest_size=16).digest(), encoding)
        packed = self._packed.get(key)
        if packed is None:
            packed = self._packed[key] = compress_body(body, encoding)
            self._room -= len(packed)
            while self._room < 0:
                self._room += len(self._packed.popitem(last=False)[1])
        else:
            self._packed.move_to_end(key)
        return packed


def compute_weak_etag(body: bytes) -> str:
    """Weak, because the same answer is sent in several encodings."""
    return f'W/"{blake2b(body, digest_size=12).hexdigest()}"'
