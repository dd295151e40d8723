import logging
from uuid import UUID

import pytest
import structlog
from aiohttp.http_exceptions import BadHttpMessage
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from hub.core.context import bind_context
from hub.core.redaction import REDACTED, is_sensitive_field, redact_value, scrub_text
from tests.support.logs import logging_to_memory

CANARIES = [
    "ada.canary+x@example.co.uk",
    "Bearer abc.DEF-123",
    "Basic YWRhOmNhbmFyeQ==",
    "sk_live_CANARYcanary123",
    "sk_test_CANARYcanary123",
    "rk_live_CANARYcanary123",
    "whsec_CANARY+canary/123=",
    "re_CANARY12_canarycanary",
    "pk_live_CANARY123",
    "sk-proj-CANARYcanary123",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.c2lnbmF0dXJl",
    "pi_3CANARY_secret_CANARY",
    "+44 7700 900123",
    "+447700900123",
    "0044 7700 900 123",
    "(415) 555-2671",
    "4242 4242 4242 4242",
    "5555555555554444",
    "378282246310005",
]


@pytest.fixture
def out():
    with logging_to_memory() as lines:
        yield lines


@pytest.mark.parametrize("canary", CANARIES)
def test_what_has_a_shape_is_found_wherever_it_stands(out, canary):
    log = structlog.get_logger()
    log.info("it.said", value=f"<{canary}>", inside={"deep": [f"x {canary} y"], canary: 1})
    try:
        int(f"cannot use {canary} here")
    except ValueError:
        log.exception("it.failed")
    logging.getLogger("library").warning("told %s", canary)
    written = out.text
    assert canary not in written
    assert len(out.events) == 3


@pytest.mark.parametrize(
    "name",
    "password Authorization refresh_token client_secret apiKey x-api-key email contact_email phone phoneNumber name "
    "given_name familyName card cvc passport_number document_number born_on date_of_birth nationality cookie".split(),
)
def test_what_has_no_shape_is_known_by_the_name_of_its_field(out, name):
    structlog.get_logger().info("thing.done", **{name: "Canary"}, inside={name: {"a": "Canary"}})
    assert "Canary" not in out.text


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-21T06:29:46.123456+00:00",
        "0190c2a4-1234-7abc-8def-001122334455",
        "took 1234.5678 ms",
        "192.168.100.200",
        "https://api.example.com/v1/orders/12345",
        "order 1234567890123 of 2026-11-21",
        "payment_intents.capture",
    ],
)
def test_what_is_harmless_stays_readable(text):
    assert scrub_text(text) == text


@pytest.mark.parametrize("name", ["kind", "provider", "route", "booking_id", "customer_id", "status", "attempt"])
def test_harmless_fields_stay_readable(name):
    assert not is_sensitive_field(name)


def test_what_a_database_or_a_model_says_of_a_bad_value_is_hidden():
    class Model(BaseModel):
        n: int

    with pytest.raises(ValidationError) as caught:
        Model(n="Canary")
    assert "Canary" not in scrub_text(str(caught.value))
    assert "Canary" not in scrub_text("DETAIL:  Key (family_name)=(Canary) already exists.")
    assert "Canary" not in scrub_text("DETAIL:  Failing row contains (1, Canary, null).")
    assert "Canary" not in scrub_text("postgres://hub:Canary@db/hub?sslmode=on")
    assert "Canary" not in scrub_text("https://x/cb?token=Canary&a=1")


def test_counts_of_tokens_are_no_secrets():
    assert redact_value({"prompt_tokens": 12, "token": "x"}) == {"prompt_tokens": 12, "token": REDACTED}


def test_a_line_says_what_it_is_about(out):
    with bind_context(request_id="r1", booking_id=UUID(int=7), actor="job:capture"):
        structlog.get_logger().info("booking.confirmed")
    (line,) = out.events
    assert (line["event"], line["level"], line["request_id"]) == ("booking.confirmed", "info", "r1")
    assert (line["booking_id"], line["actor"]) == (str(UUID(int=7)), "job:capture")
    assert line["timestamp"].endswith("Z")


def test_the_level_holds_for_libraries_too():
    with logging_to_memory(level="warning") as out:
        structlog.get_logger().info("not.shown")
        logging.getLogger("library").info("not shown")
        logging.getLogger("library").error("shown", exc_info=ValueError("why"))
    (line,) = out.events
    assert (line["event"], line["logger"]) == ("shown", "library")
    assert "ValueError: why" in line["exception"]


def test_a_line_that_cannot_be_made_breaks_nothing_and_leaks_nothing(out, capsys):
    (bridge, *_) = logging.getLogger().handlers
    bridge.handle(logging.makeLogRecord({"name": "library", "msg": "%d", "args": ("CANARY",)}))
    (line,) = out.events
    assert (line["event"], line["logger"], line["error"]) == ("log.write_failed", "library", "TypeError")
    assert "CANARY" not in out.text + capsys.readouterr().err


def test_garbage_on_the_wire_is_not_repeated(out):
    error = BadHttpMessage("Invalid method: b'CANARY'")
    logging.getLogger("aiohttp.server").error("Error handling request", exc_info=error)
    (line,) = out.events
    assert (line["event"], line["level"]) == ("request.malformed", "info")
    assert "CANARY" not in out.text


def test_the_console_redacts_as_well():
    with logging_to_memory(json=False) as out:
        structlog.get_logger().info("mail.sent", to="ada@example.com", why="for ada@example.com")
    assert "mail.sent" in out.text
    assert "ada@example.com" not in out.text


@given(
    st.recursive(
        st.none() | st.text() | st.binary() | st.floats(), lambda i: st.lists(i) | st.dictionaries(st.text(), i)
    )
)
def test_whatever_is_logged_can_be_written(value):
    with logging_to_memory() as out:
        structlog.get_logger().info("thing.done", value=value, **{"\ud800": "\ud800"})
    assert out.text.endswith("\n")
