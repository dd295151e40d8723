from enum import StrEnum

import pytest
from pydantic import BaseModel, Field, TypeAdapter

from hub.core.openapi import Endpoint, document


class Kind(StrEnum):
    A = "a"
    B = "b"


class Both(BaseModel):
    """Reads otherwise than it writes: a default makes a field optional in, and certain out."""

    kind: Kind = Kind.A
    note: str | None = Field(default=None, description="what for")


def made(*endpoints: Endpoint) -> dict:
    return document(title="t", version="1", endpoints=endpoints)


def test_a_model_that_reads_otherwise_than_it_writes_has_two_names():
    both = TypeAdapter(Both)
    shown = made(Endpoint("POST", "/x", "x", body=both, reply=both))["components"]["schemas"]
    assert set(shown) >= {"Both-Input", "Both-Output", "Kind", "Problem", "FieldError"} or "Both" in shown


def test_a_query_refers_to_shared_schemas_and_says_its_description():
    operation = made(Endpoint("GET", "/x", "x", query=TypeAdapter(Both)))["paths"]["/x"]["get"]
    kind, note, _ = operation["parameters"]
    assert kind["schema"] == {"$ref": "#/components/schemas/Kind", "default": "a"}
    assert (note["description"], note["schema"]) == ("what for", {"type": "string"})


def test_access_is_security():
    open_, maybe, closed = (
        made(Endpoint("GET", "/x", "x", access=access))["paths"]["/x"]["get"]
        for access in ("open", "optional", "signed_in")
    )
    assert "security" not in open_
    assert maybe["security"] == [{"bearer": []}, {}]
    assert closed["security"] == [{"bearer": []}]


def test_another_content_type_is_text():
    calendar = Endpoint("GET", "/x", "x", reply_type="text/calendar")
    answer = made(calendar)["paths"]["/x"]["get"]["responses"]["200"]
    assert answer["content"] == {"text/calendar": {"schema": {"type": "string"}}}


def test_two_endpoints_of_one_name_are_refused():
    with pytest.raises(ValueError, match="one name: x"):
        made(Endpoint("GET", "/a", "x"), Endpoint("GET", "/b", "x"))
