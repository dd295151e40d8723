"""What clients rely on in the hub's own OpenAPI document, operation by operation."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from hub.app.web import build_openapi_document
from hub.core.error_codes import ERROR_CODES, FIELD_CODES
from hub.settings import Settings
from routes.web.openapi_parts import MAX_TEXT_LENGTH

ROOT = Path(__file__).parents[3]
DOCUMENT: dict[str, Any] = build_openapi_document(Settings(_env_file=None))
SCHEMAS = DOCUMENT["components"]["schemas"]
OPERATIONS = {
    f"{method.upper()} {path}": operation
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
}


def validate(schema: dict[str, Any], value: Any) -> None:
    registry = Registry().with_resource("urn:hub", Resource(DOCUMENT, DRAFT202012))
    local = json.loads(json.dumps(schema).replace('"#/components', '"urn:hub#/components'))
    Draft202012Validator(local, registry=registry).validate(value)


def media(operation: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The contents of the request and of the answer that succeeds."""
    yield from operation.get("requestBody", {}).get("content", {}).items()
    for status, answer in operation["responses"].items():
        if status.startswith("2"):
            yield from answer.get("content", {}).items()


def nodes(node: Any) -> Iterator[dict[str, Any]]:
    """Every object in a part of the document, those behind references included, each once."""
    stack, seen = [node], set()
    while stack:
        node = stack.pop()
        if isinstance(node, list):
            stack.extend(node)
        elif isinstance(node, dict):
            yield node
            name = str(node.get("$ref", "")).rpartition("/")[2]
            if name in SCHEMAS and name not in seen:
                seen.add(name)
                stack.append(SCHEMAS[name])
            stack.extend(value for key, value in node.items() if key not in {"example", "examples", "default"})


def test_names_of_schemas_are_unique_and_name_no_module():
    assert [name for name in SCHEMAS if not re.fullmatch(r"[A-Z][A-Za-z0-9]*", name)] == []
    assert [name for name, schema in SCHEMAS.items() if schema.get("title", name) != name] == []


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_has_access_media_types_and_valid_examples(name):
    operation = OPERATIONS[name]
    assert "security" in operation
    for kind, content in media(operation):
        assert kind != "*/*"
        assert content["schema"], kind
        if kind == "application/json":
            validate(content["schema"], content["example"])
    for parameter in operation["parameters"]:
        if "schema" in parameter:
            assert "example" in parameter, parameter["name"]
            validate(parameter["schema"], parameter["example"])


def test_what_anybody_may_call_says_so_and_nothing_else_does():
    free = {name for name, operation in OPERATIONS.items() if operation["security"] == []}
    assert {"GET /api/flights/search", "POST /api/auth/login", "GET /api/errors"} <= free
    assert not {"GET /api/bookings", "GET /api/v1/customers"} & free


def test_a_field_that_is_sent_and_unknown_is_an_error_everywhere_but_on_openais_wire():
    lenient = {
        schema.get("title")
        for name, operation in OPERATIONS.items()
        if not name.startswith("POST /api/ai/")
        for schema in nodes(operation.get("requestBody", {}))
        if schema.get("type") == "object" and "properties" in schema and schema.get("additionalProperties") is not False
    }
    assert lenient == set()


def test_no_python_names_no_titles_of_fields_and_no_limits_that_say_nothing():
    for schema in nodes(DOCUMENT):
        assert schema.get("maxLength") != MAX_TEXT_LENGTH
        assert schema.get("propertyNames") != {}
        properties = schema.get("properties", {})
        assert [name for name in properties if str(name).endswith("_")] == []
        fields = {name: field for name, field in properties.items() if isinstance(field, dict)}
        assert [name for name, field in fields.items() if isinstance(field.get("title"), str)] == []
    usage = OPERATIONS["GET /api/admin/ai/usage"]
    assert "from" in {parameter.get("name") for parameter in usage["parameters"]}


def test_what_is_uploaded_and_downloaded_has_its_real_type():
    upload = OPERATIONS["POST /api/plan/{plan_id}/attachments"]["requestBody"]["content"]["multipart/form-data"]
    assert SCHEMAS[upload["schema"]["$ref"].rpartition("/")[2]]["properties"]["file"]["format"] == "binary"
    calendar = OPERATIONS["GET /api/bookings/{booking_id}/calendar.ics"]["responses"]["200"]["content"]
    assert set(calendar) == {"text/calendar"}
    picture = OPERATIONS["GET /api/plan/{plan_id}/attachments/{attachment_id}"]["responses"]["200"]["content"]
    assert {"application/pdf", "image/jpeg", "image/png", "image/webp"} == set(picture)


def test_an_itinerary_and_the_events_of_a_stream_are_typed():
    assert SCHEMAS["BookingOut"]["properties"]["itinerary"]["$ref"].endswith("/OfferOut")
    events = OPERATIONS["POST /api/plan/stream"]["responses"]["200"]["content"]["text/event-stream"]["schema"]
    names = set(events["contentSchema"]["discriminator"]["mapping"])
    assert names == {"status", "day", "budget", "done", "error"}


@pytest.mark.parametrize("name", [name for name in OPERATIONS if " /api/ai/" in name])
def test_answers_and_errors_on_openais_wire_have_fields(name):
    answers = OPERATIONS[name]["responses"]
    failures = {schema["$ref"].rpartition("/")[2] for schema in nodes(answers["404"]) if "$ref" in schema}
    assert {"OpenAIError", "OpenAIFailure", "Problem"} <= failures
    objects = [schema for schema in nodes(answers["200"]) if schema.get("type") == "object"]
    assert objects
    assert [schema for schema in objects if not schema.get("properties")] == []


def test_a_chat_is_a_completion_or_events_that_are_chunks_or_an_error():
    content = OPERATIONS["POST /api/ai/chat/completions"]["responses"]["200"]["content"]
    assert content["application/json"]["schema"]["$ref"].endswith("/ChatCompletion")
    events = content["text/event-stream"]["schema"]["contentSchema"]["anyOf"]
    assert [event["$ref"].rpartition("/")[2] for event in events] == ["ChatChunk", "OpenAIError"]


@pytest.mark.parametrize("name", ["POST /api/plan/stream", "GET /api/plan/{plan_id}/stream"])
def test_a_stream_that_can_be_resumed_takes_the_last_event_and_may_have_no_more(name):
    operation = OPERATIONS[name]
    assert {"$ref": "#/components/parameters/LastEventId"} in operation["parameters"]
    assert "content" not in operation["responses"]["204"]


@pytest.mark.parametrize(
    ("model", "field"),
    [("TravelerIn", "nationality"), ("AddressIn", "country"), ("SearchIn", "origin"), ("SearchIn", "currency")],
)
def test_a_pattern_that_the_hub_checks_is_in_the_document(model, field):
    assert SCHEMAS[model]["properties"][field]["pattern"].startswith("^[A-Z]")


def raised() -> Iterator[tuple[str, str, str]]:
    """The kind (problem or field), the code and the file of every code in the source."""
    for package in ("hub", "routes", "adapters"):
        for file in sorted((ROOT / package).rglob("*.py")):
            if "sandbox" not in file.parts and "torture" not in file.parts:
                yield from _codes(ast.parse(file.read_text(encoding="utf-8")), str(file))


def _codes(tree: ast.Module, file: str) -> Iterator[tuple[str, str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            second = node.args[1] if name == "FieldError" and len(node.args) > 1 else None
            if isinstance(second, ast.Constant):
                yield "field", second.value, file
            if name in ERRORS:
                values = [word.value for word in node.keywords if word.arg == "code"]
                yield from (("problem", value.value, file) for value in values if isinstance(value, ast.Constant))
        elif isinstance(node, ast.ClassDef) and {getattr(base, "id", "") for base in node.bases} & ERRORS:
            lines = [line for line in node.body if isinstance(line, ast.Assign)]
            codes = [line.value for line in lines if getattr(line.targets[0], "id", "") == "code"]
            yield from (("problem", code.value, file) for code in codes if isinstance(code, ast.Constant))


ERRORS = {
    "HubError",
    "BadRequest",
    "Unauthenticated",
    "Forbidden",
    "NotFound",
    "Conflict",
    "Gone",
    "TooLarge",
    "InvalidRequest",
    "TooManyRequests",
    "Unavailable",
    "ProviderError",
    "ProviderPermanent",
    "ProviderTransient",
    "ProviderTimeout",
    "BreakerOpen",
    "OutcomeUnknown",
}


def test_every_code_that_is_raised_is_in_the_catalog():
    known = {"problem": ERROR_CODES.keys(), "field": FIELD_CODES.keys()}
    assert {f"{kind} {code}" for kind, code, _ in raised() if code not in known[kind]} == set()


def constants() -> set[str]:
    """Every text in the source that is not the catalog's own."""
    files = [file for package in ("hub", "routes", "adapters") for file in (ROOT / package).rglob("*.py")]
    trees = [
        ast.parse(file.read_text(encoding="utf-8"))
        for file in files
        if "sandbox" not in file.parts and "torture" not in file.parts and file.name != "error_codes.py"
    ]
    nodes_of = (node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant))
    return {node.value for node in nodes_of if isinstance(node.value, str)}


def test_every_entry_of_the_catalog_is_used():
    assert (ERROR_CODES.keys() | FIELD_CODES.keys()) - constants() == set()


def test_the_catalog_is_part_of_the_document():
    text = SCHEMAS["ErrorCode"]["description"]
    assert [code for code in ERROR_CODES if f"| `{code}` |" not in text] == []
