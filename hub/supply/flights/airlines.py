"""Names of airlines by their IATA code, from a list reviewed by hand."""

from functools import cache
from importlib.resources import files

import orjson


@cache
def _names() -> dict[str, str]:
    names: dict[str, str] = orjson.loads(files("hub.supply.flights").joinpath("airlines.json").read_bytes())
    return names


def get_airline_name(code: str) -> str:
    """`British Airways` for BA; the code itself for an airline that is not in the list."""
    return _names().get(code, code)
