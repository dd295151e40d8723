"""Airports and metropolitan areas, from the package airportsdata; which of them are served, from the index."""

import math
from collections.abc import Iterator, Mapping
from functools import cached_property

import airportsdata

from hub.supply.locations.distance import compute_distance_km
from hub.supply.locations.index import PlaceIndex
from hub.supply.locations.model import Location, NearbyAirport

MAJOR_AIRPORTS = """
LHR JFK CDG DXB HND SIN AMS FRA IST ATL LAX ICN BKK HKG MAD BCN DOH DEL PVG PEK NRT ORD SFO SGN SYD MIA EWR MUC FCO LGW
DFW DEN KUL CGK BOM MEX GRU YYZ SEA LAS MCO BOS LIS ZRH VIE CPH DUB ARN OSL HEL ATH BRU WAW PRG BUD MAN ORY MXP TPE MNL
HAN KIX CAN SZX TFU CTU KMG XIY HGH PKX SHA DMK DPS AUH RUH JED CAI JNB CPT NBO ADD LOS CMN TLV AMM BAH KWI MCT BLR HYD
MAA CCU COK DAC KTM CMB KHI LHE ISB TAS ALA NQZ GYD TBS EVN SVO DME LED KBP OTP SOF BEG ZAG LJU SKG LCA PMI AGP ALC VLC
SVQ BIO OPO FAO NCE LYS MRS TLS GVA BSL STR DUS HAM BER CGN LEJ NAP VCE BLQ LIN BGY CTA PSA STN LTN EDI GLA BHX BRS LCY
KEF BGO GOT TLL RIX VNO KRK GDN AYT ADB SAW ESB PHX IAH MSP DTW PHL CLT SLC SAN TPA PDX BWI IAD DCA LGA FLL AUS BNA HNL
OGG ANC YVR YUL YYC YOW YEG CUN GDL MTY HAV PUJ SJU PTY SJO BOG MDE LIM SCL EZE AEP GIG BSB SSA REC UIO GYE MVD ASU LPB
CCS MEL BNE PER ADL AKL CHC WLG NAN PPT GUM POM DAD PQC CXR SAI KTI VTE RGN HKT CNX USM PEN BKI KCH CEB DVO SUB UPG CTS
FUK OKA NGO ITM GMP CJU PUS KHH MFM UBN DAR EBB KGL ACC ABJ DSS TUN ALG RAK MRU SEZ RUN TNR LAD MPM WDH HRE LUN VFA DUR
"""
"""Airports that many people fly to, the busiest roughly first: what is meant when a name could be many places."""

CLOSED_CLASS, UNSERVED_CLASS = "x", "0"
_ADDED = {"NYC": ("EWR",)}
"""Airports that IATA counts to an area and airportsdata does not."""
_CELL = 2.0
"""Degrees of a cell of the grid in which the nearest airports are looked for."""
_KM_PER_DEGREE = 111.0
_WIDEST = 8
"""Rings of cells around a place, about 1,700 km: beyond that a place has no airport."""
_SAME_CITY = 120.0
"""Kilometers within which two airports that name the same city serve it."""
_DETOUR = {"3": 15.0, "2": 60.0, "1": 120.0}
"""Kilometers that one travels further for a larger airport, by class."""
_PER_RANK, _ABROAD = 0.075, 60.0


class Airports:
    """Loaded on first use, about 7,900 with an IATA code; half of them have scheduled flights."""

    def __init__(self, index: PlaceIndex) -> None:
        self._index = index

    @cached_property
    def airports_by_code(self) -> Mapping[str, Location]:
        """Every airport, also those that are closed: a booking of long ago names them."""
        return {
            code: Location(
                code, row["name"], row["city"], row["country"], "airport", (code,), row["tz"], row["lat"], row["lon"]
            )
            for code, row in airportsdata.load("IATA").items()
        }

    @cached_property
    def areas_by_code(self) -> Mapping[str, Location]:
        """Metropolitan areas by code, with those of their airports that have scheduled flights."""
        results = {}
        for code, row in airportsdata.load_iata_macs().items():
            codes = dict.fromkeys((*row["airports"], *_ADDED.get(code, ()), code))
            members = [
                self.airports_by_code[airport]
                for airport in codes
                if airport in self.airports_by_code and self.is_served(airport)
            ]
            members.sort(key=lambda airport: (self.get_rank(airport.code), airport.code))
            if members:
                first, airports = members[0], tuple(airport.code for airport in members)
                results[code] = Location(
                    code,
                    row["name"],
                    row["name"],
                    row["country"],
                    "city",
                    airports,
                    first.timezone,
                    first.lat,
                    first.lon,
                )
        return results

    @cached_property
    def ranks_by_code(self) -> Mapping[str, int]:
        return {code: rank for rank, code in enumerate(MAJOR_AIRPORTS.split())}

    def get_rank(self, code: str) -> int:
        """0 is the busiest; the airports that are not listed share the last rank of their class."""
        return self.ranks_by_code.get(
            code, 1000 - int(grade) if (grade := self.get_airport_class(code)).isdigit() else 2000
        )

    def get_airport_class(self, code: str) -> str:
        """`3`, `2`, `1`: a large, medium, small airport with scheduled flights; `0` without; `x` closed."""
        known = self._index.airport_classes.get(code)
        if known is not None:
            return known
        airport = self.airports_by_code.get(code)  # newer than the index
        return "1" if airport is not None and "International" in airport.name else UNSERVED_CLASS

    def is_served(self, code: str) -> bool:
        return self.get_airport_class(code) not in {CLOSED_CLASS, UNSERVED_CLASS}

    def find_area(self, airport: str) -> Location | None:
        """The metropolitan area that an airport belongs to."""
        code = self._area_codes.get(airport)
        return self.areas_by_code[code] if code is not None else None

    def find_nearest(self, lat: float, lon: float, limit: int = 6) -> list[tuple[Location, float]]:
        """Airports with scheduled flights, and their distance in km."""
        results: list[tuple[float, str, Location]] = []
        for ring in range(_WIDEST + 1):
            results += [
                (compute_distance_km(lat, lon, airport.lat, airport.lon), airport.code, airport)
                for airport in self._ring(lat, lon, ring)
            ]
            results.sort()
            if len(results) >= limit and results[limit - 1][0] <= _covered(lat, ring):
                break
        return [(airport, distance) for distance, _, airport in results[:limit]]

    def choose_main_airport(self, near: list[tuple[Location, float]], country: str) -> Location | None:
        """The airport that one would fly to: near, large, and in the country of the place."""

        def effort(entry: tuple[Location, float]) -> float:
            airport, distance = entry
            rank = self.ranks_by_code.get(airport.code)
            detour = _DETOUR.get(self.get_airport_class(airport.code), 120.0) if rank is None else _PER_RANK * rank
            return distance + detour + (_ABROAD if airport.country != country else 0.0)

        return min(near, key=effort)[0] if near else None

    def is_same_city(self, code: str, other: str) -> bool:
        """Whether both are, or belong to, one city: nobody flies between them."""
        first, second = self._served_by(code), self._served_by(other)
        if first & second:
            return True
        here, there = self.airports_by_code.get(code), self.airports_by_code.get(other)
        if here is None or there is None or not here.city:
            return False
        close = compute_distance_km(here.lat, here.lon, there.lat, there.lon) <= _SAME_CITY
        return close and (here.city, here.country) == (there.city, there.country)

    def _served_by(self, code: str) -> set[str]:
        area = self.areas_by_code.get(code)
        own = self._area_codes.get(code)
        return {code, *(area.airports if area else ()), *((own,) if own else ())}

    @cached_property
    def _area_codes(self) -> Mapping[str, str]:
        return {airport: code for code, area in self.areas_by_code.items() for airport in area.airports}

    @cached_property
    def _grid(self) -> Mapping[tuple[int, int], list[Location]]:
        grid: dict[tuple[int, int], list[Location]] = {}
        for airport in self.airports_by_code.values():
            if self.is_served(airport.code):
                grid.setdefault(_cell(airport.lat, airport.lon), []).append(airport)
        return grid

    def _ring(self, lat: float, lon: float, ring: int) -> Iterator[Location]:
        """Airports in the cells at so many steps from the place's own, around the date line too."""
        row, column = _cell(lat, lon)
        around = int(360 / _CELL)
        cells = {
            (row + down, (column + right) % around)
            for down in range(-ring, ring + 1)
            for right in range(-ring, ring + 1)
            if max(abs(down), abs(right)) == ring
        }
        for cell in sorted(cells):
            yield from self._grid.get(cell, ())


def to_nearby_airports(near: list[tuple[Location, float]]) -> tuple[NearbyAirport, ...]:
    return tuple(
        NearbyAirport(airport.code, airport.name, airport.city, airport.country, round(distance))
        for airport, distance in near
    )


def _covered(lat: float, ring: int) -> float:
    """Kilometers around a place within which nothing lies outside so many rings of cells."""
    narrowest = math.cos(math.radians(min(90.0, abs(lat) + (ring + 1) * _CELL)))
    return ring * _CELL * _KM_PER_DEGREE * narrowest


def _cell(lat: float, lon: float) -> tuple[int, int]:
    return int((lat + 90) // _CELL), int(((lon + 180) % 360) // _CELL)
