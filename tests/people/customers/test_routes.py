from typing import Any
from uuid import uuid4

import pytest
from aiohttp.test_utils import TestClient

from hub.people.customers import Customers
from routes.traveler.customers import CustomerRoutes
from tests.people.customers.people import ADA, BEN, insert_payment
from tests.routes.web.toy import Toy, bearer

MINE, BENS = f"/api/customers/{ADA.id}", f"/api/customers/{BEN.id}"
BOTH = pytest.mark.parametrize("base", ["/api/user", MINE])
HOME = {"name": "Ada", "line1": "12 St James's Square", "city": "London", "country": "gb", "isDefault": True}


@pytest.fixture
async def client(customers: Customers):
    """Signed in as Ada where a test does not say otherwise."""
    toy = Toy()
    toy.remember(customers.db)
    toy.api.add_endpoints(CustomerRoutes(customers))
    async with toy as found:
        yield found


async def call(client: TestClient, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    async with client.request(method, path, json=body, headers={**bearer("ada"), **headers}) as answer:
        return answer.status, await answer.json() if answer.content_length else None


async def wrong_fields(client: TestClient, path: str, body: Any) -> list[str]:
    status, answer = await call(client, "PUT", path, body)
    assert status == 422
    return [one["pointer"] for one in answer["errors"]]


@pytest.mark.parametrize("path", ["/api/user/profile", MINE])
async def test_a_profile_is_read_and_changed(client: TestClient, path: str):
    body = {"name": " Ada King ", "phone": "+44 7700 900123"}
    assert (await call(client, "PUT", path, body | {"email": "new@example.com"}))[0] == 422
    assert (await call(client, "PUT", path, body))[0] == 200
    _, found = await call(client, "GET", path)
    assert (found["name"], found["phone"], found["verified"]) == ("Ada King", "+447700900123", False)
    assert found["email"] != "new@example.com"
    _, found = await call(client, "PUT", path, {"name": None, "phone": None})
    assert (found["name"], found["phone"]) == ("Ada King", None)


@BOTH
async def test_addresses_come_and_go(client: TestClient, base: str):
    book = f"{base}/addresses"
    status, first = await call(client, "POST", book, HOME)
    assert (status, first["country"], first["kind"], first["is_default"]) == (201, "GB", "home", True)
    _, second = await call(client, "POST", book, HOME | {"kind": "work", "isDefault": False})
    assert (await call(client, "POST", f"{book}/{second['id']}/default"))[0] == 200
    assert (await call(client, "PUT", f"{book}/{first['id']}", HOME | {"city": "Paris"}))[1]["city"] == "Paris"
    assert await call(client, "DELETE", f"{book}/{second['id']}") == (204, None)
    _, found = await call(client, "GET", book)
    assert [(one["id"], one["city"], one["is_default"]) for one in found["items"]] == [(first["id"], "Paris", True)]


async def test_an_address_added_twice_under_one_key_is_one(client: TestClient):
    key = {"Idempotency-Key": "k-1"}
    answers = [await call(client, "POST", "/api/user/addresses", HOME, **key) for _ in range(2)]
    assert answers[0] == answers[1]
    assert len((await call(client, "GET", "/api/user/addresses"))[1]["items"]) == 1


@BOTH
async def test_preferences_are_merged(client: TestClient, base: str):
    path = f"{base}/preferences"
    _, found = await call(client, "GET", path)
    assert (found["newsletter"], found["extra"], found["updated_at"]) == (False, {}, None)
    body = {"homeAirport": "lhr", "currency": "eur", "newsletter": True, "extra": {"a": [1, 1e300, None, {"b": "é"}]}}
    assert (await call(client, "PUT", path, body))[0] == 200
    assert (await call(client, "PUT", path, {"currency": None, "cabin": "business"}))[0] == 200
    _, found = await call(client, "GET", path)
    assert (found["home_airport"], found["currency"], found["cabin"]) == ("LHR", None, "business")
    assert (found["newsletter"], found["extra"]) == (True, body["extra"])


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"language": "english"}, "/language"),
        ({"currency": "ABC"}, "/currency"),
        ({"home_airport": "LHRX"}, "/home_airport"),
        ({"seat": "wing"}, "/seat"),
        ({"newsletter": None}, "/newsletter"),
        ({"newsletter": "yes"}, "/newsletter"),
        ({"extra": {"a": "x" * 4089}}, "/extra"),
        ({"extra": []}, "/extra"),
        ({"extra": {"a": 10**30}}, "/extra/a"),
        ({"extra": {"a\x00": 1}}, "/extra"),
    ],
)
async def test_a_wrong_preference_is_named(client: TestClient, body: Any, pointer: str):
    assert pointer in await wrong_fields(client, "/api/user/preferences", body)


async def test_extra_of_just_4_kb_is_kept_however_large_the_database_writes_it(client: TestClient):
    for extra in ({"a": "x" * 4088}, {"a": [1e300] * 500}, {"a": [1] * 2040}, {str(n): 0 for n in range(500)}):
        assert (await call(client, "PUT", "/api/user/preferences", {"extra": extra}))[0] == 200
        assert (await call(client, "GET", "/api/user/preferences"))[1]["extra"] == extra


@BOTH
async def test_points_and_how_they_came_about(client: TestClient, customers: Customers, base: str):
    async with customers.db.transaction() as tx:
        for captured, refunded in ((29950, 0), (5000, 5000), (1000, 0)):
            await insert_payment(tx, ADA.id, "EUR", captured, refunded)
    _, found = await call(client, "GET", f"{base}/loyalty?page_size=1")
    assert (found["points"], found["bookings_paid"], found["bookings_refunded"]) == (309, 3, 1)
    assert [(one["points"], one["reason"]) for one in found["history"]["items"]] == [(10, "earned")]
    assert (found["history"]["total"], found["spend"][0]["paid"]["display"]) == (2, "359.50 EUR")


async def test_nothing_of_anybody_else_is_here(client: TestClient, customers: Customers):
    _, bens = await call(client, "POST", f"{BENS}/addresses", HOME, **bearer("bob"))
    one = f"addresses/{bens['id']}"
    everything = [
        ("GET", "", None), ("PUT", "", {"name": "Eve"}), ("GET", "/addresses", None), ("POST", "/addresses", HOME),
        ("PUT", f"/{one}", HOME), ("DELETE", f"/{one}", None), ("POST", f"/{one}/default", None),
        ("GET", "/preferences", None), ("PUT", "/preferences", {"seat": "aisle"}), ("GET", "/loyalty", None),
    ]  # fmt: skip
    for base in (BENS, f"/api/customers/{uuid4()}", "/api/customers/me"):
        assert {(await call(client, method, base + path, body))[0] for method, path, body in everything} == {404}
    for method, path in (("PUT", ""), ("DELETE", ""), ("POST", "/default")):
        assert (await call(client, method, f"/api/user/{one}{path}", HOME if method == "PUT" else None))[0] == 404
    assert (await customers.get_profile(BEN)).name == "Ada"
    assert [one.city for one in await customers.address_book.list_addresses(BEN)] == ["London"]


async def test_without_a_token_there_is_nothing(client: TestClient):
    for path in ("profile", "addresses", "preferences", "loyalty"):
        assert (await client.get(f"/api/user/{path}")).status == 401


@pytest.mark.parametrize("depth", [150, 240, 2000])
async def test_extra_of_any_depth_is_kept_or_refused(client: TestClient, depth: int):
    body = '{"extra": {"a": ' + "[" * depth + "]" * depth + "}}"
    headers = {**bearer("ada"), "Content-Type": "application/json"}
    answer = await client.put("/api/user/preferences", data=body, headers=headers)
    assert answer.status in (200, 400, 422)
    assert (await call(client, "GET", "/api/user/preferences"))[0] == 200


def test_every_address_is_in_the_document_under_a_name_of_its_own(customers: Customers):
    toy = Toy()
    toy.api.add_endpoints(CustomerRoutes(customers))
    paths = toy.api.build_openapi_document()["paths"]
    names = {
        one["operationId"] for path, methods in paths.items() if "/{customer_id}" in path for one in methods.values()
    }
    assert {"customer_profile_customers", "customer_make_default_customers_addresses_default"} <= names
    assert len(names) == 10
    assert "customer_id" not in str(paths["/api/user/profile"])
