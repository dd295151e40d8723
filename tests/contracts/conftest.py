from collections.abc import AsyncIterator

import pytest

from tests.contracts.openapi import OpenAPIContract
from tests.contracts.recording import Rig, recorded
from tests.contracts.specs import vendor_file
from tests.contracts.stripe_contract import StripeContract


@pytest.fixture(scope="session")
def stripe_contract() -> StripeContract:
    return StripeContract(vendor_file("stripe.json"), vendor_file("stripe-fixtures.json")["resources"])


@pytest.fixture(scope="session")
def resend_contract() -> OpenAPIContract:
    return OpenAPIContract(vendor_file("resend.json"))


@pytest.fixture(scope="session")
def twilio_contract() -> OpenAPIContract:
    return OpenAPIContract(vendor_file("twilio_api_v2010.json"))


@pytest.fixture(scope="session")
def lookups_contract() -> OpenAPIContract:
    return OpenAPIContract(vendor_file("twilio_lookups_v2.json"))


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with recorded() as found:
        yield found
