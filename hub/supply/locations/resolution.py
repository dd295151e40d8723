"""What a traveler means by a place in words: one place, or a question back."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hub.supply.locations.model import LocationMatch, LocationResolution
from hub.supply.locations.normalization import normalize_place_name
from hub.supply.locations.search import PlaceSearch

CLEAR_MARGIN = 1.2
"""By how much more important the best has to be than the next of the name, so that it is meant."""
CHOICE_MARGIN = 2.2
"""Places this much less important than the best are still offered as choices."""
CODE_IMPORTANCE = 15.0
"""The importance of what a code in capitals names: a place of that name has to be famous to be meant instead."""
MAX_CHOICES = 6
_CODE_LETTERS = 3


@dataclass(frozen=True, slots=True)
class LocationResolver:
    places: PlaceSearch

    def resolve_text(self, text: str) -> LocationResolution:
        """`Lisbon`, `LIS`, `Lisbon, Portugal`, `Oxford, Mississippi, US`, `paris texas`, `ミラノ`."""
        head, *qualifiers = (part.strip() for part in text.split(","))
        results = self._named(head, [part for part in qualifiers if part])
        if results:
            return self._decided(results)
        return LocationResolution(suggestions=self._suggestions(head)[:MAX_CHOICES])

    def _named(self, head: str, qualifiers: Sequence[str]) -> list[LocationMatch]:
        key = normalize_place_name(head)
        results = self.places.find_by_name(key) if key else []
        code = self.places.find_by_code(key) if _is_code(head) or not results else []
        if code and _is_code(head):
            certain = replace(code[0], importance=CODE_IMPORTANCE)
            results = [certain, *(item for item in results if item.location.country != certain.location.country)]
        elif code:
            results = code
        if not results and not qualifiers:
            results = self.places.find_qualified(key)
        for qualifier in qualifiers:
            results = self.places.filter_by_qualifier(results, qualifier)
        return results

    def _decided(self, results: list[LocationMatch]) -> LocationResolution:
        alike = find_rivals(results)
        if alike:
            return LocationResolution(choices=tuple(alike[:MAX_CHOICES]))
        best = max(results, key=lambda item: item.importance)
        if best.is_large_country:
            return LocationResolution(choices=tuple(self._cities_of(best.location.country)))
        return LocationResolution(place=best)

    def _cities_of(self, country: str) -> list[LocationMatch]:
        numbers = self.places.index.list_country_cities(country, MAX_CHOICES)
        return [self.places.build_match(number, "exact", "") for number in numbers]

    def _suggestions(self, head: str) -> tuple[LocationMatch, ...]:
        """What is called nearly so, or goes on after it."""
        key = normalize_place_name(head)
        results = self.places.search(head, MAX_CHOICES) if len(key) >= _CODE_LETTERS else []
        return tuple(replace(item, kind="similar") for item in results if item.location.type != "airport")

    def build_unique_name(self, match: LocationMatch) -> str:
        """A text that names this place and no other: `Oxford, Mississippi, US`."""
        location = match.location
        parts = [location.name, location.region, location.country]
        return ", ".join(part for part in parts if part)


def find_rivals(results: Sequence[LocationMatch]) -> list[LocationMatch]:
    """The places that may be meant, the best known first, where none of them is clearly better known than the next."""
    ordered = sorted(results, key=lambda item: -item.importance)
    if len(ordered) < 2 or ordered[0].importance - ordered[1].importance >= CLEAR_MARGIN:  # noqa: PLR2004
        return []
    return [item for item in ordered if ordered[0].importance - item.importance <= CHOICE_MARGIN]


def _is_code(head: str) -> bool:
    return len(head) == _CODE_LETTERS and head.isascii() and head.isalpha() and head.isupper()
