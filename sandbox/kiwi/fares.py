"""What it costs. Everything is reckoned in euro cents, as Kiwi does, and converted at the end."""

from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache

from sandbox.kiwi.journeys import Hop, Journey
from sandbox.kiwi.seeded_random import draw_number, seeded_random

CABIN_FACTORS = {"M": 1.0, "W": 1.7, "C": 3.3, "F": 5.6}
_FIRST_FROM_KM = 3000

# Units for one euro: fixed, so that a price can be looked up again.
EXCHANGE_RATES = {
    code: Decimal(rate)
    for code, rate in (
        entry.split(":")
        for entry in (
            "EUR:1 USD:1.0856 GBP:0.8441 CHF:0.9523 JPY:163.52 CAD:1.4873 AUD:1.6312 NZD:1.7745 SEK:11.3821 "
            "NOK:11.6473 DKK:7.4602 PLN:4.2911 CZK:25.2137 HUF:391.45 RON:4.9752 BGN:1.9558 ISK:149.63 TRY:35.2148 "
            "ILS:3.9817 AED:3.9870 SAR:4.0712 QAR:3.9521 KWD:0.3339 BHD:0.4093 OMR:0.4180 JOD:0.7697 EGP:51.4623 "
            "ZAR:19.8437 MAD:10.7621 NGN:1652.31 KES:140.27 INR:90.7312 PKR:301.94 LKR:324.61 THB:38.6245 SGD:1.4582 "
            "MYR:4.9731 IDR:17365 PHP:62.3817 VND:27418 HKD:8.4712 CNY:7.8264 TWD:35.0121 KRW:1478.6 "
            "BRL:5.8913 MXN:19.6428 ARS:971.32 CLP:1012.8 COP:4284.5 PEN:4.0713 UAH:43.9712 KZT:492.31 GEL:2.9541"
        ).split()
    )
}
_WHOLE = frozenset("JPY ISK KRW VND CLP".split())
_THOUSANDTHS = frozenset("KWD BHD OMR JOD".split())


@dataclass(frozen=True, slots=True)
class Party:
    """Who travels."""

    adults: int
    children: int
    infants: int

    @property
    def traveler_count(self) -> int:
        return self.adults + self.children + self.infants


@dataclass(frozen=True, slots=True)
class Fare:
    """Euro cents for one adult, one child, one infant; `bags` for the first and the second bag of all travellers."""

    adult: int
    child: int
    infant: int
    bags: tuple[int, ...]
    family: str

    def total_for(self, party: Party) -> int:
        return self.adult * party.adults + self.child * party.children + self.infant * party.infants


def convert_cents(cents: int, currency: str) -> int | float:
    """Euro cents as that currency's major units, rounded to what the currency has; whole numbers as int."""
    decimals = 0 if currency in _WHOLE else 3 if currency in _THOUSANDTHS else 2
    amount = (
        (Decimal(cents) * EXCHANGE_RATES[currency]).scaleb(-2).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)
    )
    return int(amount) if amount == amount.to_integral_value() else float(amount)


def to_euros(cents: int) -> int | float:
    return convert_cents(cents, "EUR")


def choose_cabin(journey: Journey, cabin: str) -> bool:
    """Low-cost airlines have one cabin, and first class is for long flights."""
    if cabin == "M":
        return True
    if any(carrier.is_low_cost for carrier in journey.carriers):
        return False
    return cabin != "F" or max(hop.flight.km for hop in journey.hops) >= _FIRST_FROM_KM


def price_itinerary(seed: int, ways: list[Journey], cabin: str, today: date, party: Party) -> Fare:
    """For the whole itinerary. The same on the same day, whoever asks."""
    adult = round(sum(_way(seed, way, today) for way in ways) * CABIN_FACTORS[cabin])
    hops = [hop for way in ways for hop in way.hops]
    low_cost = any(hop.flight.carrier.is_low_cost for hop in hops)
    if len(ways) == 2 and ways[0].carriers == ways[1].carriers and not low_cost:
        adult = round(adult * 0.9)
    child = adult if low_cost else round(adult * 0.82)
    infant = 2500 * len(hops) if low_cost else round(adult * 0.1)
    return Fare(adult, child, infant, *_bags(seed, hops, cabin, party))


def _way(seed: int, way: Journey, today: date) -> float:
    cents = sum(_hop(seed, hop, today) for hop in way.hops)
    if way.stopovers == 0:
        return cents * 1.12
    return cents * (0.74 if way.has_self_transfer else 0.8)


def _hop(seed: int, hop: Hop, today: date) -> float:
    flight = hop.flight
    leg = flight.legs[0]
    day = leg.departs_at.astimezone(leg.origin.zone).date()
    base = 2200 + min(flight.km, 1500) * 7.5 + max(0.0, flight.km - 1500) * 4.2
    chance = _chance(seed, flight.carrier.code, flight.number, leg.origin.code, day)
    return base * chance * (0.62 if flight.carrier.is_low_cost else 1.0) * _season(day) * _notice((day - today).days)


@lru_cache(maxsize=8192)
def _chance(seed: int, carrier: str, number_: int, origin: str, day: date) -> float:
    return seeded_random(seed, "fare", carrier, number_, origin, day).uniform(0.86, 1.18)


def _season(day: date) -> float:
    busy = 1.18 if day.month in {7, 8} or (day.month == 12 and day.day > 17) else 1.0
    return busy * (1.1 if day.weekday() in {4, 6} else 1.0)


def _notice(days: int) -> float:
    for limit, factor in ((3, 1.9), (7, 1.5), (21, 1.15), (90, 1.0)):
        if days < limit:
            return factor
    return 0.94


def _bags(seed: int, hops: list[Hop], cabin: str, party: Party) -> tuple[tuple[int, ...], str]:
    """A bag flies free in the better cabins, and on most long flights of full-service airlines."""
    first = hops[0].flight
    one = round((2300 + min(first.km, 6000) * 0.45) * len(hops) * max(1, party.adults + party.children) / 2)
    low_cost = any(hop.flight.carrier.is_low_cost for hop in hops)
    lot = draw_number(seed, "bags", first.carrier.code, first.number, len(hops)) % 4
    if not low_cost and (cabin != "M" or (first.km > 4000 and lot)):
        return (0, one), "CLASSIC"
    if lot == 3:
        return (one,), ""
    return (one, round(one * 2.1)), "LIGHT"
