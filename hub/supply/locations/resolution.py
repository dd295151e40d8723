"""What a traveler means by a place in words: one place, or a question back."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hub.supply.locations.model import Match, Resolution
from hub.supply.locations.normalization import fold
from hub.supply.locations.search import PlaceSearch

CLEARLY = 1.2
"""By how much more important the best has to be than the next of the name, so that it is meant."""
ALIKE = 2.2
"""Places this much less important than the best are still offered as choices."""
CERTAIN = 15.0
"""The importance of what a code in capitals names: a place of that name has to be famous to be meant instead."""
MOST = 6
_CODE_LETTERS = 3


@dataclass(frozen=True, slots=True)
class Resolver:
    places: PlaceSearch

    def resolve(self, text: str) -> Resolution:
        """`Lisbon`, `LIS`, `Lisbon, Portugal`, `Oxford, Mississippi, US`, `paris texas`, `ミラノ`."""
        head, *qualifiers = (part.strip() for part in text.split(","))
        results = self._named(head, [part for part in qualifiers if part])
        if results:
            return self._decided(results)
        return Resolution(suggestions=self._suggestions(head)[:MOST])

    def _named(self, head: str, qualifiers: Sequence[str]) -> list[Match]:
        key = fold(head)
        results = self.places.named(key) if key else []
        code = self.places.by_code(key) if _is_code(head) or not results else []
        if code and _is_code(head):
            certain = replace(code[0], importance=CERTAIN)
            results = [certain, *(item for item in results if item.location.country != certain.location.country)]
        elif code:
            results = code
        if not results and not qualifiers:
            results = self.places.qualified(key)
        for qualifier in qualifiers:
            results = self.places.inside(results, qualifier)
        return results

    def _decided(self, results: list[Match]) -> Resolution:
        alike = rivals(results)
        if alike:
            return Resolution(choices=tuple(alike[:MOST]))
        best = max(results, key=lambda item: item.importance)
        if best.is_large_country:
            return Resolution(choices=tuple(self._cities_of(best.location.country)))
        return Resolution(place=best)

    def _cities_of(self, country: str) -> list[Match]:
        numbers = self.places.index.of_country(country, MOST)
        return [self.places.place(number, "exact", "") for number in numbers]

    def _suggestions(self, head: str) -> tuple[Match, ...]:
        """What is called nearly so, or goes on after it."""
        key = fold(head)
        results = self.places.search(head, MOST) if len(key) >= _CODE_LETTERS else []
        return tuple(replace(item, kind="similar") for item in results if item.location.type != "airport")

    def unique_name(self, match: Match) -> str:
        """A text that names this place and no other: `Oxford, Mississippi, US`."""
        location = match.location
        parts = [location.name, location.region, location.country]
        return ", ".join(part for part in parts if part)


def rivals(results: Sequence[Match]) -> list[Match]:
    """The places that may be meant, the best known first, where none of them is clearly better known than the next."""
    ordered = sorted(results, key=lambda item: -item.importance)
    if len(ordered) < 2 or ordered[0].importance - ordered[1].importance >= CLEARLY:  # noqa: PLR2004
        return []
    return [item for item in ordered if ordered[0].importance - item.importance <= ALIKE]


def _is_code(head: str) -> bool:
    return len(head) == _CODE_LETTERS and head.isascii() and head.isalpha() and head.isupper()
