"""Every parameter of the vendors' own OpenAPI files is played, refused, or named in the answer as left aside.

Stripe's emulator refuses whatever no reader has asked for (`Params.finish`), so it needs no list.
"""

from typing import Any

from sandbox.email_validation import read_email
from sandbox.openai import chat, responses
from sandbox.phone_numbers import UNSUPPORTED_LOOKUP_PARAMS, UNSUPPORTED_PARAMS
from tests.sandbox.shell import MAIL, vendor

_MESSAGES = "/2010-04-01/Accounts/{AccountSid}/Messages"
_CHAT = set(
    "max_completion_tokens max_tokens messages model n reasoning_effort response_format stream stream_options".split()
)
_RESPONSES = set(
    "input instructions max_output_tokens metadata model previous_response_id reasoning store stream stream_options "
    "text".split()
)


class Watched(dict[str, Any]):
    """Notes which of its keys were read."""

    def __init__(self, given: dict[str, Any]) -> None:
        super().__init__(given)
        self.read: set[str] = set()

    def get(self, key: str, default: Any = None) -> Any:
        self.read.add(key)
        return super().get(key, default)


def form_of(operation: dict[str, Any]) -> set[str]:
    return set(operation["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]["properties"])


def query_of(operation: dict[str, Any]) -> set[str]:
    return {parameter["name"] for parameter in operation["parameters"] if parameter["in"] == "query"}


def properties(spec: dict[str, Any], schema: dict[str, Any]) -> set[str]:
    """The names in a schema and in all that it is composed of."""
    if "$ref" in schema:
        return properties(spec, spec["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    inner = (properties(spec, part) for part in schema.get("allOf", ()))
    return set(schema.get("properties", ())).union(*inner)


def test_twilio() -> None:
    paths = vendor("twilio_api_v2010.json")["paths"]
    played = {"To", "From", "MessagingServiceSid", "Body", "MediaUrl", "StatusCallback", "ScheduleType", "SendAt"}
    assert form_of(paths[f"{_MESSAGES}.json"]["post"]) == played | UNSUPPORTED_PARAMS
    assert form_of(paths[f"{_MESSAGES}/{{Sid}}.json"]["post"]) == {"Body", "Status"}
    listed = {"To", "From", "DateSent", "DateSent<", "DateSent>", "Page", "PageSize"}
    assert query_of(paths[f"{_MESSAGES}.json"]["get"]) == listed | {"PageToken"}
    lookup = vendor("twilio_lookups_v2.json")["paths"]["/v2/PhoneNumbers/{PhoneNumber}"]["get"]
    assert query_of(lookup) == {"CountryCode"} | UNSUPPORTED_LOOKUP_PARAMS


def test_resend() -> None:
    spec, email = vendor("resend.json"), Watched(MAIL)
    read_email(email)
    assert properties(spec, {"$ref": "/SendEmailRequest"}) - email.read == set()


def test_openai() -> None:
    spec = vendor("openai.json")
    asked = properties(spec, {"$ref": "/CreateChatCompletionRequest"})
    assert asked & chat.KNOWN_PARAMS <= _CHAT | chat.UNSUPPORTED_PARAMS.keys() | set(chat.IGNORED_PARAMS)
    asked = properties(spec, {"$ref": "/CreateResponse"})
    assert asked & responses.KNOWN_PARAMS <= _RESPONSES | responses.UNSUPPORTED_PARAMS.keys() | set(
        responses.IGNORED_PARAMS
    )
