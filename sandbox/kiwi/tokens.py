"""Booking tokens. Each holds what was offered, so that nothing has to be remembered; to a client it is opaque."""

import base64
import binascii
import hmac
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any

import orjson

from sandbox.kiwi.fares import Fare, Party
from sandbox.kiwi.wire import make_bad_request

TOKEN_LIFE = timedelta(minutes=30)
_MARK = 8  # bytes of signature


@dataclass(frozen=True, slots=True)
class OfferedLeg:
    """One leg as it was offered; times in seconds since 1970, UTC."""

    id: str
    origin: str
    destination: str
    airline: str
    number: int
    departure_timestamp: int
    arrival_timestamp: int
    is_return: int
    needs_recheck: bool

    @property
    def ticket_id(self) -> str:
        """What the flights of one ticket have in common: the combination that their ids begin with."""
        return self.id.rpartition("_")[0]

    @property
    def departs_at(self) -> datetime:
        return datetime.fromtimestamp(self.departure_timestamp, UTC)

    @property
    def arrives_at(self) -> datetime:
        return datetime.fromtimestamp(self.arrival_timestamp, UTC)


@dataclass(frozen=True, slots=True)
class OfferedItinerary:
    issued_at: int
    party: Party
    fare: Fare
    cabin: str
    ticket_count: int
    legs: tuple[OfferedLeg, ...]


def encode_token(seed: int, offered: OfferedItinerary) -> str:
    fare, party = offered.fare, offered.party
    plain = [
        offered.issued_at,
        [party.adults, party.children, party.infants],
        [fare.adult, fare.child, fare.infant, fare.bags, fare.family],
        offered.cabin,
        offered.ticket_count,
        [[getattr(one, name) for name in OfferedLeg.__slots__] for one in offered.legs],
    ]
    packed = zlib.compress(orjson.dumps(plain), 1)
    return base64.urlsafe_b64encode(_mark(seed, packed) + packed).decode()


def decode_token(seed: int, token: str, now: datetime) -> OfferedItinerary:
    """Raises KiwiApiError 400 for what is not ours, and `Expired booking token` half an hour after the search."""
    try:
        raw = base64.b64decode(token, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) <= _MARK or not hmac.compare_digest(raw[:_MARK], _mark(seed, raw[_MARK:])):
        raise make_bad_request("Invalid booking token")
    offered = _read(orjson.loads(zlib.decompress(raw[_MARK:])))
    if now.timestamp() - offered.issued_at > TOKEN_LIFE.total_seconds():
        raise make_bad_request("Expired booking token")
    return offered


def _read(plain: list[Any]) -> OfferedItinerary:
    issued, party, (adult, child, infant, bags, family), cabin, tickets, stretches = plain
    fare = Fare(adult, child, infant, tuple(bags), family)
    return OfferedItinerary(issued, Party(*party), fare, cabin, tickets, tuple(OfferedLeg(*one) for one in stretches))


def _mark(seed: int, packed: bytes) -> bytes:
    return blake2b(packed, digest_size=_MARK, key=str(seed).encode()).digest()
