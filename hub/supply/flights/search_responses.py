"""Stored search answers as they are sent: with their age, compressed once per load, under an ETag."""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import NamedTuple

from hub.core.cache import CachedValue
from hub.core.compression import IDENTITY, CompressedTail, compute_weak_etag

MAX_ENTRIES = 512
"""Answers whose compressed form is kept."""
_OFFERS = b',"offers":['
_State = tuple[int, bool]


class SearchResponse(NamedTuple):
    """`encoding` is that of the body, empty for none. The ETag is that of the load, whatever its age."""

    body: bytes
    etag: str
    encoding: str


@dataclass(slots=True)
class _Packed:
    value: bytes
    cut: int
    etag: str
    tails: dict[str, CompressedTail] = field(default_factory=dict)
    latest: dict[str, tuple[_State, bytes]] = field(default_factory=dict)


class SearchResponseEncoder:
    """Only the few bytes before the offers change with the age, so the offers are compressed once."""

    def __init__(self) -> None:
        self._packed: OrderedDict[str, _Packed] = OrderedDict()

    def encode_response(self, key: str, cached: CachedValue, encoding: str) -> SearchResponse:
        """The stored answer with its age. What was made in the same second is sent again as it is."""
        packed = self._packed.get(key)
        if packed is None or packed.value is not cached.value:
            packed = self._pack(key, cached.value)
        if encoding == IDENTITY:
            return SearchResponse(insert_age(cached, packed.cut), packed.etag, IDENTITY)
        state = (int(cached.age), cached.state == "stale")
        latest = packed.latest.get(encoding)
        if latest is None or latest[0] != state:
            tail = packed.tails.get(encoding)
            if tail is None:
                tail = packed.tails[encoding] = CompressedTail.from_plain(packed.value[packed.cut :], encoding)
            latest = packed.latest[encoding] = (state, tail.prepend_head(_head(cached, packed.cut)))
        return SearchResponse(latest[1], packed.etag, encoding)

    def _pack(self, key: str, value: bytes) -> _Packed:
        cut = value.index(_OFFERS)
        packed = self._packed[key] = _Packed(value, cut, compute_weak_etag(value))
        self._packed.move_to_end(key)
        if len(self._packed) > MAX_ENTRIES:
            self._packed.popitem(last=False)
        return packed


def insert_age(cached: CachedValue, cut: int | None = None) -> bytes:
    """The stored answer with its age. `cut` is where its offers begin, when that is known."""
    if int(cached.age) == 0 and cached.state != "stale":
        return cached.value
    cut = cached.value.index(_OFFERS) if cut is None else cut
    return _head(cached, cut) + cached.value[cut:]


def _head(cached: CachedValue, cut: int) -> bytes:
    head = cached.value[:cut].replace(b'"age_s":0', b'"age_s":%d' % int(cached.age))
    return head.replace(b'"status":"ok"', b'"status":"stale"') if cached.state == "stale" else head
