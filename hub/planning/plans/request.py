"""What was asked for: whether it can be planned at all, how it is kept, and when two requests are the same one."""

import unicodedata
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import orjson
from pydantic import TypeAdapter

from hub.core.errors import FieldError, InvalidRequest
from hub.core.money import CURRENCIES
from hub.core.redaction import REDACTED, scrub_text
from hub.planning.plans.model import MAX_PLAN_DAYS, PlanRequest

MAX_PARTY_SIZE = 9
MAX_LEAD_TIME = timedelta(days=730)
_REQUEST: TypeAdapter[PlanRequest] = TypeAdapter(PlanRequest)
_WORDS_ASKED = 8
_SHORTEST_NAME = 2
"""Letters: a shorter part of a name is found in too many words."""


def validate_request(request: PlanRequest, now: datetime) -> None:
    """Raises InvalidRequest with a pointer to each field that is wrong."""
    errors = (*_wrong_dates(request, now), *_wrong_party(request), *_wrong_money(request))
    if errors:
        raise InvalidRequest(errors=errors)


def _wrong_dates(request: PlanRequest, now: datetime) -> list[FieldError]:
    today = (now - timedelta(hours=12)).date()  # somewhere it is still that day
    found = []
    if request.start < today:
        found.append(FieldError("/start_date", "in_the_past", "is over already"))
    elif request.start > today + MAX_LEAD_TIME:
        found.append(FieldError("/start_date", "too_far", "can be planned two years ahead at most"))
    if request.end < request.start:
        found.append(FieldError("/end_date", "before_start", "is before the start"))
    elif (request.end - request.start).days >= MAX_PLAN_DAYS:
        found.append(FieldError("/end_date", "too_long", f"a plan has {MAX_PLAN_DAYS} days at most"))
    return found


def _wrong_party(request: PlanRequest) -> list[FieldError]:
    if request.adults < 1:
        return [FieldError("/adults", "no_adult", "somebody has to be an adult")]
    if request.party_size > MAX_PARTY_SIZE:
        return [FieldError("/adults", "too_many", f"a party has {MAX_PARTY_SIZE} people at most")]
    if request.infants > request.adults:
        return [FieldError("/infants", "too_many", "each infant needs an adult")]
    return []


def _wrong_money(request: PlanRequest) -> list[FieldError]:
    budget = request.budget
    if request.currency not in CURRENCIES:
        return [FieldError("/currency", "unknown_currency", "is no currency of ISO 4217")]
    if budget is not None and budget.currency != request.currency:
        return [FieldError("/budget/currency", "currency_mismatch", f"has to be {request.currency}, as the plan")]
    return []


def request_to_json(request: PlanRequest) -> dict[str, Any]:
    """A wish that is the default is left out: requests of earlier releases stay the same request."""
    document: dict[str, Any] = _REQUEST.dump_python(request, mode="json")
    if not request.keep_failing_days:
        del document["keep_failing_days"]
    return document


def request_from_json(kept: dict[str, Any]) -> PlanRequest:
    return _REQUEST.validate_python(kept)


def build_cache_key(request: PlanRequest) -> bytes | None:
    """The same for requests that want the same. None where the traveller has said something in their own words."""
    if request.notes.strip():
        return None
    same = request_to_json(request) | {
        "destination": fold_text(request.destination),
        "interests": sorted({fold_text(one) for one in request.interests}),
        "language": request.language.lower(),
    }
    return sha256(orjson.dumps(same, option=orjson.OPT_SORT_KEYS)).digest()


def redact_request(request: PlanRequest, names: list[str], wish: str | None = None) -> dict[str, Any]:
    """What may be kept of the prompt: without addresses, numbers, and the traveller's own names."""
    kept = request_to_json(request) | {"notes": redact_names(request.notes, names)}
    return kept | ({"wish": redact_names(wish, names)} if wish is not None else {})


def redact_names(text: str, names: list[str]) -> str:
    """`names` are full names; each of their parts is taken out wherever it stands as a word."""
    parts = {fold_text(part) for name in names for part in name.split()}
    parts = {part for part in parts if len(part) >= _SHORTEST_NAME}
    words = scrub_text(text).split(" ")
    return " ".join(REDACTED if parts & set(fold_text(word).split()) else word for word in words)


def fold_text(text: str) -> str:
    """Small letters and figures, without accents: `São Paulo, BR` is `sao paulo br`."""
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    letters = "".join(one if one.isalnum() else " " for one in plain if not unicodedata.combining(one))
    return " ".join(letters.split())


def to_search_query(text: str | None) -> str | None:
    """A question for the index: all of the words, each may go on. None asks for nothing."""
    words = fold_text(text or "").split()[:_WORDS_ASKED]
    return " & ".join(f"{word}:*" for word in words) or None
