import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.sdk_clients.operations import CAMEL_WORD, name_operation
from adapters.sdk_clients.twilio import _operation


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("post", "https://api.stripe.com/v1/payment_intents", "payment_intents.create"),
        ("get", "/v1/payment_intents", "payment_intents.list"),
        ("get", "/v1/payment_intents/pi_3Nx?expand[0]=latest_charge", "payment_intents.retrieve"),
        ("post", "/v1/payment_intents/pi_3Nx", "payment_intents.update"),
        ("post", "/stripe/v1/payment_intents/pi_3Nx/capture", "payment_intents.capture"),
        ("post", "/v1/checkout/sessions", "checkout.sessions.create"),
        ("post", "/v1/checkout/sessions/cs_9/expire", "checkout.sessions.expire"),
        ("get", "/v1/checkout/sessions/cs_9/line_items", "checkout.sessions.line_items.list"),
        ("delete", "/v1/customers/cus_8", "customers.delete"),
        ("post", "/emails", "emails.create"),
        ("post", "/emails/batch", "emails.batch.create"),
        ("get", "/emails/4ef9a417-02e9-4d39-ad75-9611e0fcc33c", "emails.retrieve"),
        ("post", "/v1/chat/completions", "chat.completions.create"),
        ("get", "/v1/models/gpt-5", "models.retrieve"),
        ("get", "/", "retrieve"),
    ],
)
def test_operations_are_named_without_ids(method, path, name):
    assert name_operation(method, path) == name


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("POST", "https://api.twilio.com/2010-04-01/Accounts/AC12/Messages.json", "messages.create"),
        ("GET", "/twilio/2010-04-01/Accounts/AC12/Messages/SM12.json", "messages.retrieve"),
        ("GET", "/2010-04-01/Accounts/AC12.json", "accounts.retrieve"),
        ("GET", "https://lookups.twilio.com/v2/PhoneNumbers/+84901234567", "phone_numbers.retrieve"),
    ],
)
def test_twilio_operations_show_no_number(method, path, name):
    assert _operation(method, path) == name


@given(st.text(max_size=200), st.sampled_from(["get", "post", "TRACE"]))
def test_any_path_gives_a_short_plain_name(path, method):
    """Labels of metrics: a stray path must neither break the call nor flood the registry."""
    for word in (None, CAMEL_WORD):
        name = name_operation(method, "/" + path, *([word] if word else []))
        assert name.isascii()
        assert len(name) <= 300
        assert not any(one.isdigit() for one in name)


def test_an_sdk_is_loaded_only_when_it_is_asked_for():
    """openai alone takes a second and 44 MB."""
    code = (
        "import sys, adapters.sdk_clients as shims\n"
        "loaded = {'stripe', 'resend', 'twilio', 'openai'} & set(sys.modules)\n"
        "assert not loaded, loaded\n"
        "shims.ResendHTTP\n"
        "assert 'resend' in sys.modules and 'stripe' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)
