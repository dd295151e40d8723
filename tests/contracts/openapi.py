"""A vendor's OpenAPI file, applied by openapi-core to what went over the wire."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import unquote, urlsplit

from openapi_core import Config, OpenAPI
from openapi_core.datatypes import RequestParameters
from openapi_core.exceptions import OpenAPIError
from openapi_core.testing import MockRequest, MockResponse

from tests.contracts.recording import Exchange
from tests.contracts.specs import Breach, Operations


def _is_uri(text: str) -> bool:
    """With a scheme, or from the server's root, as pages name each other."""
    return bool(urlsplit(text).scheme) or text.startswith("/")


def _is_rfc_2822(text: str) -> bool:
    return parsedate_to_datetime(text).tzinfo is not None


_FORMATS = {"uri": _is_uri, "date-time-rfc-2822": _is_rfc_2822}


@dataclass
class Hook:
    """A webhook as openapi-core wants to see it."""

    name: str
    body: bytes
    content_type: str
    method: str = "post"
    parameters: RequestParameters = field(default_factory=RequestParameters)


class OpenAPIContract:
    """Raises RuleViolation. Most vendors describe their successful answers alone."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self._spec = spec
        self._server = spec["servers"][0]["url"]
        self._operations = Operations(spec["paths"])
        options: Any = {"spec_validator_cls": None, "extra_format_validators": _FORMATS}
        config = Config(**options)
        self._api = OpenAPI.from_dict(spec, config=config)
        # A webhook is signed, and carries none of the credentials that calls need.
        self._hooks = OpenAPI.from_dict(spec | {"security": []}, config=config)

    def check_request(self, one: Exchange) -> None:
        """Path, credentials, parameters and body. A name that the vendor does not list is a fault as well."""
        with _breach(f"{one.method} {one.path}"):
            self._api.validate_request(self._request(one))
        known = self._known(one)
        if strangers := [name for name in _given(one) if name not in known]:
            raise Breach(f"{one.method} {one.path}: the vendor knows no {', '.join(strangers)}")

    def check_answer(self, one: Exchange) -> Any:
        answer = MockResponse(one.answer, one.status, one.answer_headers, one.answer_headers["Content-Type"])
        with _breach(f"{one.method} {one.path} -> {one.status}"):
            self._api.validate_response(self._request(one), answer)
        return json.loads(one.answer)

    def check_webhook(self, body: bytes, content_type: str) -> None:
        name = json.loads(body)["type"]
        with _breach(name):
            self._hooks.validate_webhook_request(Hook(name, body, content_type))

    def _request(self, one: Exchange) -> MockRequest:
        kind, _, _ = one.headers.get("Content-Type", "").partition(";")
        query: Any = one.fields if one.method == "GET" else None
        return MockRequest(
            self._server, one.method, unquote(one.path), args=query, headers=one.headers, data=one.body,
            content_type=kind,
        )  # fmt: skip

    def _known(self, one: Exchange) -> set[str]:
        operation = self._operations.of(one)
        if one.method == "GET":
            return {self._resolved(parameter)["name"] for parameter in operation.get("parameters", ())}
        (content,) = operation["requestBody"]["content"].values()
        return set(self._resolved(content["schema"])["properties"])

    def _resolved(self, node: dict[str, Any]) -> Any:
        found: Any = self._spec
        if "$ref" not in node:
            return node
        for step in node["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        return found


def _given(one: Exchange) -> list[str]:
    if one.method == "POST" and one.headers["Content-Type"].startswith("application/json"):
        return list(json.loads(one.body))
    return [name for name, _ in one.fields]


@contextmanager
def _breach(what: str) -> Iterator[None]:
    try:
        yield
    except OpenAPIError as error:
        reasons = [getattr(one, "message", str(one)) for one in getattr(error.__cause__, "schema_errors", ())]
        raise Breach(f"{what}: {'; '.join(reasons) or error.__cause__ or error!r}") from error
