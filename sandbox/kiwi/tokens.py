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
from sandbox.kiwi.wire import bad_request

LIFE = timedelta(minutes=30)
_MARK = 8  # bytes of signature


@dataclass(frozen=True, slots=True)
class Stretch:
    """One leg as it was offered; times in seconds since 1970, UTC."""

    id: str
    origin: str
    destination: str
    airline: str
    number: int
    departs: int
    arrives: int
    returning: int
    recheck: bool

    @property
    def ticket(self) -> str:
        """What the flights of one ticket have in common: the combination that their ids begin with."""
        return self.id.rpartition("_")[0]

    @property
    def takes_off(self) -> datetime:
        return datetime.fromtimestamp(self.departs, UTC)

    @property
    def lands(self) -> datetime:
        return datetime.fromtimestamp(self.arrives, UTC)


@dataclass(frozen=True, slots=True)
class Offered:
    issued: int
    party: Party
    fare: Fare
    cabin: str
    tickets: int
    stretches: tuple[Stretch, ...]


def seal(seed: int, offered: Offered) -> str:
    fare, party = offered.fare, offered.party
    plain = [
        offered.issued,
        [party.adults, party.children, party.infants],
        [fare.adult, fare.child, fare.infant, fare.bags, fare.family],
        offered.cabin,
        offered.tickets,
        [[getattr(one, name) for name in Stretch.__slots__] for one in offered.stretches],
    ]
    packed = zlib.compress(orjson.dumps(plain), 1)
    return base64.urlsafe_b64encode(_mark(seed, packed) + packed).decode()


def unseal(seed: int, token: str, now: datetime) -> Offered:
    """Raises Refusal 400 for what is not ours, and `Expired booking token` half an hour after the search."""
    try:
        raw = base64.b64decode(token, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) <= _MARK or not hmac.compare_digest(raw[:_MARK], _mark(seed, raw[_MARK:])):
        raise bad_request("Invalid booking token")
    offered = _read(orjson.loads(zlib.decompress(raw[_MARK:])))
    if now.timestamp() - offered.issued > LIFE.total_seconds():
        raise bad_request("Expired booking token")
    return offered


def _read(plain: list[Any]) -> Offered:
    issued, party, (adult, child, infant, bags, family), cabin, tickets, stretches = plain
    fare = Fare(adult, child, infant, tuple(bags), family)
    return Offered(issued, Party(*party), fare, cabin, tickets, tuple(Stretch(*one) for one in stretches))


def _mark(seed: int, packed: bytes) -> bytes:
    return blake2b(packed, digest_size=_MARK, key=str(seed).encode()).digest()
