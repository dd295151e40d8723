"""Airports and cities, offline."""

import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from functools import cache, cached_property
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

import airportsdata

MAJOR = """
LHR JFK CDG DXB HND SIN AMS FRA IST ATL LAX ICN BKK HKG MAD BCN DOH DEL PVG PEK NRT ORD SFO SGN SYD MIA EWR MUC FCO LGW
DFW DEN KUL CGK BOM MEX GRU YYZ SEA LAS MCO BOS LIS ZRH VIE CPH DUB ARN OSL HEL ATH BRU WAW PRG BUD MAN ORY MXP TPE MNL
HAN KIX CAN SZX TFU CTU KMG XIY HGH PKX SHA DMK DPS AUH RUH JED CAI JNB CPT NBO ADD LOS CMN TLV AMM BAH KWI MCT BLR HYD
MAA CCU COK DAC KTM CMB KHI LHE ISB TAS ALA NQZ GYD TBS EVN SVO DME LED KBP OTP SOF BEG ZAG LJU SKG LCA PMI AGP ALC VLC
SVQ BIO OPO FAO NCE LYS MRS TLS GVA BSL STR DUS HAM BER CGN LEJ NAP VCE BLQ LIN BGY CTA PSA STN LTN EDI GLA BHX BRS LCY
KEF BGO GOT TLL RIX VNO KRK GDN AYT ADB SAW ESB PHX IAH MSP DTW PHL CLT SLC SAN TPA PDX BWI IAD DCA LGA FLL AUS BNA HNL
OGG ANC YVR YUL YYC YOW YEG CUN GDL MTY HAV PUJ SJU PTY SJO BOG MDE LIM SCL EZE AEP GIG BSB SSA REC UIO GYE MVD ASU LPB
CCS MEL BNE PER ADL AKL CHC WLG NAN PPT GUM POM DAD PQC CXR SAI KTI VTE RGN HKT CNX USM PEN BKI KCH CEB DVO SUB UPG CTS
FUK OKA NGO ITM GMP CJU PUS KHH MFM ULN DAR EBB KGL ACC ABJ DKR TUN ALG RAK MRU SEZ RUN TNR LAD MPM WDH HRE LUN VFA DUR
"""
"""Airports that many people fly to, the busiest roughly first: what is meant when a name could be many places."""

_LAST = 10_000


@dataclass(frozen=True, slots=True)
class Location:
    """`code` is an IATA code: of an airport, or of a metropolitan area with several."""

    code: str
    name: str
    city: str
    country: str
    type: Literal["airport", "city"]
    airports: tuple[str, ...]
    timezone: str
    lat: float
    lon: float


@cache
def _airports() -> dict[str, Location]:
    """Read once in a process, whoever asks."""
    return {
        code: Location(
            code, one["name"], one["city"], one["country"], "airport", (code,), one["tz"], one["lat"], one["lon"]
        )
        for code, one in airportsdata.load("IATA").items()
    }


@cache
def _cities() -> dict[str, Location]:
    """Metropolitan areas with an airport that is known."""
    airports, found = _airports(), {}
    for code, one in airportsdata.load_iata_macs().items():
        members = [airports[airport] for airport in one["airports"] if airport in airports]
        if members:
            first, codes = members[0], tuple(airport.code for airport in members)
            found[code] = Location(
                code, one["name"], one["name"], one["country"], "city", codes, first.timezone, first.lat, first.lon
            )
    return found


class Locations:
    """Loaded once, on first use; about 8,000 airports that have an IATA code."""

    @cached_property
    def _airports(self) -> dict[str, Location]:
        return _airports()

    @cached_property
    def _cities(self) -> dict[str, Location]:
        return _cities()

    @cached_property
    def _index(self) -> list["_Entry"]:
        """Everything that can be found, the best known first; a metropolitan area before its airports."""
        ranks = {code: rank for rank, code in enumerate(MAJOR.split())}

        def rank(one: Location) -> tuple[int, bool, str]:
            best = min(ranks.get(code, _LAST) for code in one.airports)
            minor = best == _LAST and "International" not in one.name
            return (best + minor, one.type == "airport", one.name)

        found: Iterable[Location] = (*self._cities.values(), *self._airports.values())
        return [_entry(number, one) for number, one in enumerate(sorted(found, key=rank))]

    def find(self, code: str) -> Location | None:
        """A metropolitan area or an airport."""
        return self._cities.get(code) or self._airports.get(code)

    def airport(self, code: str) -> Location | None:
        return self._airports.get(code)

    def zone(self, airport: str) -> tzinfo | None:
        found = self._airports.get(airport)
        return ZoneInfo(found.timezone) if found else None

    def today(self, code: str, now: datetime) -> date:
        """The date that it is now at the place."""
        found = self.find(code)
        return now.astimezone(ZoneInfo(found.timezone)).date() if found else now.date()

    def search(self, text: str, limit: int = 10) -> list[Location]:
        """By code, city or name, accents and case aside; the closest first, then the best known."""
        wanted = _fold(text)
        if not wanted:
            return []
        inside = f" {wanted}"
        near = [one for one in self._index if inside in one.words]
        found = {one.id: one.location for one in self._index if one.code == wanted}
        for fits in _TIERS:
            for one in near:
                if len(found) >= limit:
                    break
                if fits(one, wanted):
                    found.setdefault(one.id, one.location)
        return list(found.values())[:limit]

    def warm(self) -> None:
        """Loads it all, so that the first request does not."""
        _ = self._index


class _Entry(NamedTuple):
    """A location with what is looked for in it, folded."""

    id: int
    code: str
    city: str
    name: str
    words: str
    location: Location


def _entry(number: int, one: Location) -> _Entry:
    city, name = _fold(one.city), _fold(one.name)
    return _Entry(number, one.code.lower(), city, name, f" {city} {name}", one)


_TIERS: tuple[Callable[[_Entry, str], bool], ...] = (
    lambda one, wanted: one.city == wanted,
    lambda one, wanted: one.city.startswith(wanted),
    lambda one, wanted: one.name.startswith(wanted),
    lambda _one, _wanted: True,
)
"""From the closest to the loosest way to be what was meant."""


def _fold(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text.casefold())
    letters = "".join(letter if letter.isalnum() else " " for letter in plain if not unicodedata.combining(letter))
    return " ".join(letters.split())
