import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter

from hub.core.errors import HubError, InvalidRequest
from routes.web.endpoint import Endpoint, list_endpoints
from routes.web.endpoint_api import ApiModel, Call, get, patch, post, put
from routes.web.parsing import _hostile, _wrong_leaves, is_list_type, parse_body
from tests.routes.web.toy import Order, Toy, bearer

ORDER = {"people": [{"given_name": " Ada ", "bornOn": "1990-05-17"}], "amount": 5}
JSON = {"Content-Type": "application/json"}


async def pointers(answer) -> list[tuple[str, str]]:
    return [(one["pointer"], one["code"]) for one in (await answer.json())["errors"]]


async def test_a_model_comes_in_as_camel_or_snake_and_goes_out_as_snake():
    async with Toy() as client:
        answer = await client.post("/orders", json=ORDER, headers=bearer("ada"))
        assert answer.status == 201
        assert (await answer.json())["names"] == ["Ada"]
        assert answer.content_type == "application/json"


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({}, "/people", "missing"),
        ({"people": [{"given_name": "A", "seats": "2"}]}, "/people/0/seats", "int_type"),
        ({"people": [{"givenName": "A", "seats": True}]}, "/people/0/seats", "int_type"),
        ({"people": [{"givenName": 7}]}, "/people/0/given_name", "string_type"),
        ({"people": [{"givenName": " "}]}, "/people/0/given_name", "string_too_short"),
        ({"people": [{"givenName": "A", "bornOn": 0}]}, "/people/0/born_on", "date_type"),
        ({"people": [], "amount": 10**30}, "/amount", "number_too_large"),
        ({"people": [{"givenName": "a\x00b"}]}, "/people/0/given_name", "bad_character"),
        ({"people": [], "notes": {"a/b": ["\ud800"]}}, "/notes/a~1b/0", "bad_character"),
        ([], "", "model_type"),
    ],
)
async def test_each_wrong_field_is_named(body, pointer, code):
    async with Toy() as client:
        answer = await client.post("/orders", data=json.dumps(body), headers={**bearer("ada"), **JSON})
        assert answer.status == 422
        assert (pointer, code) in await pointers(answer)


@pytest.mark.parametrize(
    ("raw", "headers", "status", "code"),
    [
        (b"", JSON, 400, "empty_body"),
        (b"   ", JSON, 400, "empty_body"),
        (b"{", JSON, 400, "malformed_json"),
        (b'{"people": [], "notes": NaN}', JSON, 400, "malformed_json"),
        (b"\xff\xfe", JSON, 400, "malformed_json"),
        (b"[" * 100_000, JSON, 400, "malformed_json"),
        (b'"\\u0000' + b"[" * 100_000, JSON, 400, "malformed_json"),
        (b'{"people": [], "notes": 1e999}', JSON, 422, "invalid"),
        (b"{}", {"Content-Type": "text/plain"}, 415, "unsupported_media_type"),
        (b"{}", {"Content-Type": "application/json; charset=utf-16"}, 415, "unsupported_media_type"),
        (b"{}", {**JSON, "Content-Encoding": "gzip"}, 400, "unreadable_body"),
    ],
)
async def test_what_is_no_json_is_said_so(raw, headers, status, code):
    async with Toy() as client:
        answer = await client.post("/orders", data=raw, headers={**bearer("ada"), **headers})
        assert (answer.status, (await answer.json())["code"]) == (status, code)


async def test_the_value_that_was_sent_is_never_repeated():
    async with Toy() as client:
        body = {"people": [{"given_name": "Canary" * 20, "born_on": "Canary", "seats": "Canary"}]}
        answer = await client.post("/orders", json=body, headers=bearer("ada"))
        assert answer.status == 422
        assert "Canary" not in await answer.text()


async def test_a_query_is_repeated_or_comma_separated_for_lists():
    async with Toy() as client:
        answer = await client.get("/orders?kinds=a,b&kinds=c&maxStops=2")
        assert await answer.json() == {"q": "", "kinds": ["a", "b", "c"], "max_stops": 2, "sort": "up"}


@pytest.mark.parametrize(
    ("query", "pointer", "code"),
    [
        ("max_stops=x", "/query/max_stops", "int_parsing"),
        ("max_stops=1&maxStops=2", "/query/max_stops", "repeated"),
        ("q=%00", "/query/q", "bad_character"),
        ("sort=sideways", "/query/sort", "literal_error"),
        ("sorted=up", "/query/sorted", "unknown_parameter"),
    ],
)
async def test_a_wrong_query_is_named(query, pointer, code):
    async with Toy() as client:
        answer = await client.get(f"/orders?{query}")
        assert answer.status == 422
        assert await pointers(answer) == [(pointer, code)]


@pytest.mark.parametrize("path", ["/orders/nonsense", "/orders/%00", "/nowhere"])
async def test_an_address_that_cannot_be_ours_is_not_here(path):
    async with Toy() as client:
        answer = await client.get(path)
        assert (answer.status, answer.content_type) == (404, "application/problem+json")


async def test_a_number_in_the_path_has_64_bits():
    async with Toy() as client:
        assert (await client.delete(f"/orders/{2**63}", headers=bearer("staff"))).status == 404
        assert (await client.delete(f"/orders/{2**63 - 1}", headers=bearer("staff"))).status == 204


async def test_a_reply_says_its_own_type_and_headers():
    async with Toy() as client:
        answer = await client.post("/login", json={"given_name": "A"})
        assert (await answer.text(), answer.headers["X-Own"], answer.content_type) == ("hello", "1", "text/plain")


async def test_raw_bytes_and_optional_bodies():
    async with Toy() as client:
        assert await (await client.post("/raw", data=b"\x00\xff")).json() == {"size": 2}
        assert await (await client.post("/maybe")).json() == {"given": False}
        assert await (await client.post("/maybe", json={"given_name": "A"})).json() == {"given": True}


@pytest.mark.parametrize(("token", "status"), [(None, 401), ("wrong", 401), ("ada", 403), ("staff", 204)])
async def test_staff_only(token, status):
    async with Toy() as client:
        answer = await client.delete("/orders/1", headers=bearer(token) if token else {})
        assert answer.status == status
        assert ("WWW-Authenticate" in answer.headers) == (status == 401)


async def test_optional_callers_are_known_only_by_a_valid_token():
    async with Toy() as client:
        seen = [await (await client.get("/who", headers=h)).json() for h in ({}, bearer("x"), bearer("ada"))]
        assert [one["who"][:7] for one in seen] == ["nobody", "nobody", "0000000"]


def test_a_signature_that_does_not_fit_its_path_fails_at_start():
    class Wrong:
        @get("/things/{thing_id}")
        async def show(self, call: Call, other: int) -> None: ...

    with pytest.raises(TypeError, match="thing_id"):
        Endpoint(Wrong.show.__operations__[0], Wrong().show, "wrong_show")


class AliasRoutes:
    @get("/api/things/{thing_id}")
    @get("/api/people/{owner}/things/{thing_id}")
    @get("/api/mine/{thing_id:[0-9]+}")
    async def show(self, thing_id: int, owner: int | None = None) -> dict[str, int | None]:
        return {"thing": thing_id, "owner": owner}

    @put("/api/things")
    @patch("/api/things")
    @patch("/api/people/{owner}/things")
    @put("/api/people/{owner}/things")
    async def change(self, owner: int | None = None) -> None: ...


async def test_one_handler_answers_at_every_address_it_is_given():
    toy = Toy()
    toy.api.add_endpoints(AliasRoutes())
    async with toy as client:
        paths = ("/api/things/1", "/api/mine/1", "/api/people/7/things/1")
        assert [(await (await client.get(path)).json())["owner"] for path in paths] == [None, None, 7]
        assert (await client.get("/api/people/nobody/things/1")).status == 404


def test_each_address_has_a_name_of_its_own():
    assert [one.name for one in list_endpoints(AliasRoutes())] == [
        "alias_show",
        "alias_show_people_things",
        "alias_show_mine",
        "alias_change",
        "alias_change_things",
        "alias_change_people_things",
        "alias_change_people_things_put",
    ]


def test_what_is_missing_from_a_path_needs_a_default():
    class Wrong:
        @get("/things/{thing_id}")
        @get("/things")
        async def show(self, thing_id: int) -> None: ...

    with pytest.raises(TypeError, match="thing_id"):
        list_endpoints(Wrong())


def test_an_address_is_described_with_its_own_parameters_and_none_is_null():
    shown = {one.name: one.to_openapi().path_parameters for one in list_endpoints(AliasRoutes())}
    assert list(shown["alias_show"]) == ["thing_id"]
    assert shown["alias_show_people_things"]["owner"].json_schema() == {"type": "integer"}


def test_a_query_must_be_a_model():
    class Wrong:
        @post("/things")
        async def make(self, query: int) -> None: ...

    with pytest.raises(TypeError, match="query must be a model"):
        Endpoint(Wrong.make.__operations__[0], Wrong().make, "wrong_make")


class Many(BaseModel):
    a: tuple[str, ...] | None
    b: str | None


def test_lists_are_known_by_their_type():
    assert [is_list_type(one.annotation) for one in Many.model_fields.values()] == [True, False]


hostile = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["people", "amount"]), inner),
    max_leaves=20,
)
ADAPTER = TypeAdapter(Order)


class Name(ApiModel):
    name: str


def read(raw: bytes):
    """The order, or the status of the refusal. Anything but a HubError is a failure of the test."""
    try:
        return parse_body(ADAPTER, raw)
    except HubError as error:
        return error.status


@given(hostile | st.fixed_dictionaries({"people": hostile, "amount": hostile, "notes": hostile}))
def test_whatever_document_comes_it_is_read_or_refused(document):
    order = read(json.dumps(document).encode())
    assert order in (400, 422) or (isinstance(order, Order) and not list(_wrong_leaves(order.notes, _hostile)))


@given(st.binary(max_size=300))
def test_whatever_bytes_come_they_are_read_or_refused(raw):
    order = read(raw)
    assert order in (400, 422) or isinstance(order, Order)


def test_an_unknown_field_is_reported_whatever_it_holds():
    raw = b'{"people": [], "unknown": {"a": 100000000000000000000, "b\\u0000": "\\u0000"}}'
    with pytest.raises(InvalidRequest) as refused:
        parse_body(ADAPTER, raw)
    assert [(error.pointer, error.code) for error in refused.value.errors] == [("/unknown", "unknown_field")]


def test_a_misspelled_field_gets_a_suggestion_at_every_depth():
    with pytest.raises(InvalidRequest) as refused:
        parse_body(ADAPTER, b'{"people": [{"given_name": "A", "bornOn": "2001-02-03", "seat": 2}], "amuont": 5}')
    shown = [(error.pointer, error.suggestion) for error in refused.value.errors]
    assert shown == [("/people/0/seat", "seats"), ("/amuont", "amount")]
    assert "did you mean `seats`?" in refused.value.errors[0].message


async def test_a_misspelled_parameter_gets_a_suggestion_beside_what_else_is_wrong():
    async with Toy() as client:
        answer = await client.get("/orders?max_stop=1&sort=sideways&zzz=1")
        shown = [(error["pointer"], error.get("suggestion")) for error in (await answer.json())["errors"]]
        assert answer.status == 422
        assert shown == [("/query/max_stop", "max_stops"), ("/query/zzz", None), ("/query/sort", None)]


async def test_an_endpoint_without_parameters_refuses_them_and_a_page_does_not():
    async with Toy() as client:
        answer = await client.get("/who?page=2")
        assert (answer.status, (await answer.json())["errors"][0]["pointer"]) == (422, "/query/page")
        assert (await client.get("/page?utm_source=letter")).status == 200


def test_a_whole_number_is_one_however_it_is_written():
    order = parse_body(ADAPTER, b'{"people": [{"given_name": "A", "seats": 2.0}], "amount": 1e3, "notes": 0.5}')
    assert (order.people[0].seats, order.amount, order.notes) == (2, 1000, 0.5)


def test_duplicate_keys_are_one_value_and_never_two():
    assert parse_body(TypeAdapter(Name), b'{"name": "a", "name": "b"}').name == "b"
