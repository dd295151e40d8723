import json

from openapi_spec_validator import OpenAPIV31SpecValidator

from routes.web.api import ApiRouter
from routes.web.endpoint_api import get
from tests.routes.web.toy import Toy


def the_document() -> dict:
    return json.loads(Toy().api.render_openapi_json())


async def test_the_document_is_valid_and_served():
    async with Toy() as client:
        document = await (await client.get("/openapi.json")).json()
    assert document["openapi"] == "3.1.0"
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []


def test_an_operation_says_all_there_is_to_know():
    made = the_document()["paths"]["/orders"]["post"]
    assert (made["summary"], made["description"]) == ("Make an order.", "Twice the same is made once.")
    assert (made["operationId"], made["tags"], made["security"]) == ("toy_create", ["orders"], [{"bearer": []}])
    assert {"$ref": "#/components/parameters/IdempotencyKey"} in made["parameters"]
    assert made["requestBody"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Order"}
    assert {"201", "400", "401", "403", "409", "413", "415", "422", "429", "500", "503"} <= set(made["responses"])


def test_fields_are_documented_in_snake_case():
    assert set(the_document()["components"]["schemas"]["Person"]["properties"]) == {"given_name", "born_on", "seats"}


def test_a_query_model_becomes_parameters_without_null():
    parameters = {one["name"]: one for one in the_document()["paths"]["/orders"]["get"]["parameters"] if "name" in one}
    assert parameters["max_stops"]["schema"] == {"type": "integer", "format": "int64", "minimum": 0, "maximum": 3}
    assert parameters["kinds"]["schema"]["type"] == "array"
    assert parameters["sort"]["schema"]["enum"] == ["up", "down"]
    assert parameters["q"]["required"] is False


def test_path_parameters_have_their_type():
    (parameter, _) = the_document()["paths"]["/orders/{order_id}"]["get"]["parameters"]
    assert (parameter["in"], parameter["schema"]) == ("path", {"type": "string", "format": "uuid"})


def test_an_answer_without_body_is_204():
    responses = the_document()["paths"]["/orders/{number}"]["delete"]["responses"]
    assert "content" not in responses["204"]


def test_an_answer_of_any_kind_is_said_to_be_so():
    responses = the_document()["paths"]["/login"]["post"]["responses"]
    assert responses["200"]["content"] == {"*/*": {"schema": {}}}


def test_system_pages_are_not_part_of_it():
    assert not {"/healthz", "/docs", "/page"} & set(the_document()["paths"])


class OnceRoutes:
    @get("/once")
    async def show(self) -> dict[str, int]:
        return {}


def test_it_is_made_once():
    api = ApiRouter()
    api.add_endpoints(OnceRoutes())
    assert api.render_openapi_json() is api.render_openapi_json()
