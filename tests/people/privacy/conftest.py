from typing import Any

import pytest

from hub.core.db import Database
from hub.core.jobs import Jobs
from hub.core.sealing import Vault
from hub.oversight.audit import Audit
from hub.people.privacy import Privacy
from hub.sales.bookings import TravelDocuments
from tests.people.privacy.people import ADA, BEN, Clock, Gateway, Keeper, insert, rows_of

VAULT = Vault(["s" * 32])


@pytest.fixture
async def two(db: Database) -> Database:
    """Ada and Ben have each a row everywhere; their journeys are over."""
    await insert(db, *rows_of(ADA), *rows_of(BEN))
    return db


@pytest.fixture
def gateway() -> Gateway:
    return Gateway()


@pytest.fixture
def keeper() -> Keeper:
    return Keeper()


@pytest.fixture
def privacy(db: Database, gateway: Any, keeper: Any) -> Privacy:
    clock: Any = Clock()
    return Privacy(db, Audit(clock), Jobs(), clock, gateway, keeper, TravelDocuments(db, clock, VAULT))
