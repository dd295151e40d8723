"""From a request's bytes to values: body, query and path, each with the place of what is wrong.

An error never repeats the value that was sent: it may be personal, and it may be megabytes.
"""

import asyncio
import json
import re
import types
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from itertools import islice
from typing import Annotated, Any, Union, get_args, get_origin

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from pydantic import BaseModel, TypeAdapter, ValidationError

from hub.core.errors import BadRequest, FieldError, HubError, InvalidRequest, NotFound, TooLarge
from routes.web.error_pointers import locate_error, suggest_name, to_wire_name

BODY_TIMEOUT = 20.0
"""Seconds for the whole body to arrive."""

_MOST_ERRORS = 20
_LONGEST_TOKEN = 100
_INT64 = 1 << 63

FIRST_YEAR, LAST_YEAR = 1900, 2199
"""Arithmetic with a date beyond these can leave what Python and PostgreSQL can count."""
_NEVER = (date(9999, 1, 1), date(9999, 12, 31))
"""On documents that do not expire, such as Spanish identity cards of the elderly."""

# A NUL, a surrogate, a number that no column holds, a date of another age: rare in honest bodies, so one scan decides
# whether to look closer.
_SUSPICIOUS = re.compile(
    rb"\\u(?:0000|[dD][89a-fA-F])|\d{19}|NaN|Infinity|[eE]\+?\d{3}|\"\s*(?:0\d|1[0-8]|2[2-9]|[3-9]\d)\d\d-\d\d-"
)
_SURROGATE = re.compile("[\ud800-\udfff]")
_BAD_TEXT = re.compile("[\x00\ud800-\udfff]")
_BAD_CHARACTER = ("bad_character", "NUL and lone surrogates are not allowed")
_OPAQUE = {  # pydantic's words for these quote the input
    "uuid_parsing": "Input should be a valid UUID",
    "union_tag_invalid": "Input should have one of the known tags",
    "url_parsing": "Input should be a valid URL",
    "iteration_error": "Input should be a valid list",
}


class UnsupportedMediaType(HubError):
    """The body has to be application/json."""

    status = 415
    code = "unsupported_media_type"
    title = "Unsupported media type"


class BodyTooSlow(HubError):
    """The body took too long to arrive."""

    status = 408
    code = "request_timeout"
    title = "Request timeout"


async def read_body(request: web.Request, limit: int) -> bytes:
    """The whole body. Raises TooLarge beyond `limit` bytes (unpacked), BodyTooSlow, BadRequest when it is cut short."""
    if (request.content_length or 0) > limit:
        raise TooLarge(f"The body may have {limit} bytes.")
    if not request.can_read_body:
        return b""
    chunks, size = [], 0
    try:
        async with asyncio.timeout(BODY_TIMEOUT):
            async for chunk in request.content.iter_any():
                size += len(chunk)
                if size > limit:
                    raise TooLarge(f"The body may have {limit} bytes.")
                chunks.append(chunk)
    except TimeoutError:
        raise BodyTooSlow from None
    except (web.RequestPayloadError, HttpProcessingError) as error:
        raise BadRequest("The body could not be read.", code="unreadable_body") from error
    return b"".join(chunks)


def require_json(request: web.Request, raw: bytes) -> None:
    """Raises BadRequest without a body, UnsupportedMediaType unless it is declared as JSON in UTF-8."""
    if not raw.strip():
        raise BadRequest("The body is empty.", code="empty_body")
    kind, charset = request.content_type, (request.charset or "utf-8").lower()
    named = kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))
    if "Content-Type" not in request.headers or not named or charset not in {"utf-8", "utf8", "us-ascii"}:
        raise UnsupportedMediaType


def parse_body(adapter: TypeAdapter[Any], raw: bytes) -> Any:
    """Raises BadRequest for what is not JSON, and InvalidRequest with a pointer to each wrong field."""
    suspicious = _SUSPICIOUS.search(raw) is not None
    if suspicious:
        _refuse_surrogates(raw)
    try:
        value = adapter.validate_json(raw, strict=True)
    except ValidationError as error:
        found = error.errors(include_url=False)
    else:
        if suspicious:
            _refuse_hostile(adapter.dump_python(value))
        return value
    if any(_is_whole(one) for one in found) and (whole := _with_whole_numbers(raw)) != raw:
        return parse_body(adapter, whole)
    if found[0]["type"] == "json_invalid":
        raise BadRequest("The body is not JSON.", code="malformed_json")
    raise InvalidRequest(errors=_field_errors(adapter, found, ""))


def _is_whole(one: Any) -> bool:
    """Whether 2.0 was refused where a whole number is wanted; in JSON they are the same number."""
    return one["type"] == "int_type" and isinstance(one["input"], float) and one["input"].is_integer()


def _with_whole_numbers(raw: bytes) -> bytes:
    def number(text: str) -> float:
        value = float(text)
        return int(value) if value.is_integer() and abs(value) < _INT64 else value

    return json.dumps(json.loads(raw, parse_float=number)).encode()


class QueryParser:
    """Reads a flat model from the query string; a list is repeated (`a=1&a=2`) or comma separated (`a=1,2`).

    A parameter that the model does not have is an error, unless `lenient`.
    """

    def __init__(self, model: type[BaseModel], *, lenient: bool = False) -> None:
        self._adapter = TypeAdapter(model)
        self._lenient = lenient
        self._names: dict[str, tuple[str, bool]] = {}
        for name, info in model.model_fields.items():
            alias = info.validation_alias or info.alias
            for known in {to_wire_name(name), alias if isinstance(alias, str) else name}:
                self._names[known] = (name, is_list_type(info.annotation))
        self._known = tuple(map(to_wire_name, model.model_fields))

    def parse_query(self, query: Mapping[str, str]) -> Any:
        """`query` is the request's multi-dict. Raises InvalidRequest."""
        values: dict[str, Any] = {}
        errors: tuple[FieldError, ...] = ()
        for key, text in query.items():
            if key not in self._names:
                errors = errors if self._lenient else (*errors, _unknown_parameter(key, self._known))
                continue
            name, many = self._names[key]
            if _BAD_TEXT.search(text):
                raise _wrong(f"/query/{to_wire_name(name)}", *_BAD_CHARACTER)
            if many:
                values.setdefault(name, []).extend(part for one in text.split(",") if (part := one.strip()))
            elif name in values:
                raise _wrong(f"/query/{to_wire_name(name)}", "repeated", "may be given once")
            else:
                values[name] = text
        return self._validate(values, errors[:_MOST_ERRORS])

    def _validate(self, values: dict[str, Any], errors: tuple[FieldError, ...]) -> Any:
        try:
            value = self._adapter.validate_python(values)
        except ValidationError as error:
            found = error.errors(include_url=False, include_input=False)
            raise InvalidRequest(errors=(*errors, *_field_errors(self._adapter, found, "/query"))) from None
        if errors:
            raise InvalidRequest(errors=errors)
        _refuse(_wrong_leaves(vars(value), _hostile, "/query"))
        return value


def reject_query(query: Mapping[str, str]) -> None:
    """Raises InvalidRequest when there are parameters, for an endpoint that takes none."""
    if query:
        raise InvalidRequest(errors=tuple(_unknown_parameter(key, ()) for key in islice(query, _MOST_ERRORS)))


def _unknown_parameter(name: str, known: tuple[str, ...]) -> FieldError:
    return _unknown(f"/query/{_token(name)}", "unknown_parameter", name, known)


def _unknown(pointer: str, code: str, name: str, known: tuple[str, ...]) -> FieldError:
    suggestion = suggest_name(name, known)
    text = f"is not known here; did you mean `{suggestion}`?" if suggestion else "is not known here"
    return FieldError(pointer, code, text, suggestion)


def parse_path(adapter: TypeAdapter[Any], text: str) -> Any:
    """Raises NotFound: an address that cannot be one of ours is not here."""
    if _BAD_TEXT.search(text):
        raise NotFound
    try:
        value = adapter.validate_python(text)
    except ValidationError:
        raise NotFound from None
    if isinstance(value, int) and not -_INT64 <= value < _INT64:
        raise NotFound
    return value


def is_list_type(annotation: Any) -> bool:
    """Whether a field takes several values: tuple, list or set, also optional."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return is_list_type(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return any(is_list_type(one) for one in get_args(annotation))
    return (origin or annotation) in (tuple, list, set, frozenset)


def _refuse_surrogates(raw: bytes) -> None:
    """Raises BadRequest for what is not JSON, InvalidRequest for half a surrogate, which no validator can read."""
    try:
        document = json.loads(raw, parse_constant=_not_json)
    except (ValueError, RecursionError):
        raise BadRequest("The body is not JSON.", code="malformed_json") from None
    _refuse(_wrong_leaves(document, lambda value: _BAD_CHARACTER if _is_text(value, _SURROGATE) else None))


def _refuse_hostile(value: Any) -> None:
    """Raises InvalidRequest for text and numbers that no database keeps, in what was read."""
    _refuse(_wrong_leaves(value, _hostile))


def _refuse(errors: Iterator[FieldError]) -> None:
    if found := tuple(islice(errors, _MOST_ERRORS)):
        raise InvalidRequest(errors=found)


def _not_json(_: str) -> Any:
    raise ValueError


def _is_text(value: Any, pattern: re.Pattern[str]) -> bool:
    return isinstance(value, str) and pattern.search(value) is not None


def _wrong_leaves(
    document: Any, judge: Callable[[Any], tuple[str, str] | None], prefix: str = ""
) -> Iterator[FieldError]:
    """Every key and every value that `judge` finds wrong, with its pointer."""
    stack: list[tuple[str, Any]] = [(prefix, document)]
    while stack:
        pointer, value = stack.pop()
        if isinstance(value, dict):
            stack.extend((f"{pointer}/{_token(key)}", inner) for key, inner in value.items())
            problem = next(filter(None, map(judge, value)), None)
        elif isinstance(value, list | tuple | set | frozenset):
            stack.extend((f"{pointer}/{index}", inner) for index, inner in enumerate(value))
            problem = None
        else:
            problem = judge(value)
        if problem is not None:
            yield FieldError(pointer, *problem)


def _hostile(value: Any) -> tuple[str, str] | None:
    if _is_text(value, _BAD_TEXT):
        return _BAD_CHARACTER
    if isinstance(value, int) and not -_INT64 <= value < _INT64:
        return "number_too_large", "a whole number has at most 64 bits"
    if isinstance(value, float) and value in (float("inf"), float("-inf")):
        return "number_too_large", "a number must be finite"
    if isinstance(value, date) and not FIRST_YEAR <= value.year <= LAST_YEAR and value not in _NEVER:
        return "date_out_of_range", f"a date lies in the years {FIRST_YEAR} to {LAST_YEAR}"
    return None


def _token(part: Any) -> str:
    """One part of a JSON pointer (RFC 6901), cut when the sender made it long."""
    text = _BAD_TEXT.sub("?", str(part)[:_LONGEST_TOKEN])
    return text.replace("~", "~0").replace("/", "~1")


def _wrong(pointer: str, code: str, message: str) -> InvalidRequest:
    return InvalidRequest(errors=(FieldError(pointer, code, message),))


def _field_errors(adapter: TypeAdapter[Any], found: list[Any], prefix: str) -> tuple[FieldError, ...]:
    """What pydantic found, each once: members of a union fail at the same place."""
    errors = (_field_error(adapter, error, prefix) for error in found[:_MOST_ERRORS])
    return tuple(dict.fromkeys(errors))


def _field_error(adapter: TypeAdapter[Any], error: Any, prefix: str) -> FieldError:
    place = locate_error(adapter.core_schema, error["loc"])
    pointer = prefix + "".join(f"/{_token(part)}" for part in place.parts)
    if error["type"] in {"extra_forbidden", "unexpected_keyword_argument"}:
        return _unknown(pointer, "unknown_field", str(place.parts[-1]), place.field_names)
    return FieldError(pointer, error["type"], _message(error))


def _message(one: Any) -> str:
    if one["type"] in _OPAQUE:
        return _OPAQUE[one["type"]]
    context = one.get("ctx", {})
    if one["type"] == "value_error" and "reason" in context:
        return "Input should be a valid e-mail address"
    if "error" in context:  # a ValueError of ours: its sentence without pydantic's preface
        return str(context["error"])
    return str(one["msg"])
