from decimal import Decimal
from enum import StrEnum

import pytest
from pydantic import BaseModel, Field, TypeAdapter

from routes.web.openapi import OpenApiOperation, build_document
from routes.web.openapi_schemas import build_public_names


class Kind(StrEnum):
    A = "a"
    B = "b"


class Both(BaseModel):
    """Reads otherwise than it writes: a decimal comes as number or text, and goes as text."""

    kind: Kind = Kind.A
    note: str | None = Field(default=None, description="what for")
    share: Decimal = Decimal(1)


def made(*endpoints: OpenApiOperation) -> dict:
    return build_document(title="t", version="1", endpoints=endpoints)


def test_a_model_that_reads_otherwise_than_it_writes_has_two_names():
    both = TypeAdapter(Both)
    shown = made(OpenApiOperation("POST", "/x", "x", body=both, response=both))["components"]["schemas"]
    assert set(shown) >= {"BothInput", "BothOutput", "Kind", "Problem", "FieldError"}


def test_a_query_refers_to_shared_schemas_and_says_its_description():
    operation = made(OpenApiOperation("GET", "/x", "x", query=TypeAdapter(Both)))["paths"]["/x"]["get"]
    kind, note, *_ = operation["parameters"]
    assert kind["schema"] == {"$ref": "#/components/schemas/Kind", "default": "a"}
    assert (note["description"], note["schema"]) == ("what for", {"type": "string"})


def test_access_is_security():
    open_, maybe, closed = (
        made(OpenApiOperation("GET", "/x", "x", access=access))["paths"]["/x"]["get"]
        for access in ("open", "optional", "signed_in")
    )
    assert open_["security"] == []
    assert maybe["security"] == [{"bearer": []}, {}]
    assert closed["security"] == [{"bearer": []}]


@pytest.mark.parametrize(
    ("kind", "content"), [("text/calendar", {"text/calendar": {"schema": {"type": "string"}}}), (None, None)]
)
def test_an_answer_that_is_no_json(kind, content):
    answer = made(OpenApiOperation("GET", "/x", "x", response_type=kind))["paths"]["/x"]["get"]["responses"]["200"]
    assert answer.get("content") == content


def test_two_schemas_that_would_have_one_name_are_refused():
    assert build_public_names(["hub__plans__model__Kind"]) == {"hub__plans__model__Kind": "PlanKind"}
    with pytest.raises(ValueError, match="one name: PlanKind"):
        build_public_names(["hub__plans__model__Kind", "hub__plans__budget__Kind"])


def test_two_endpoints_of_one_name_are_refused():
    with pytest.raises(ValueError, match="one name: x"):
        made(OpenApiOperation("GET", "/a", "x"), OpenApiOperation("GET", "/b", "x"))
