from typing import Any

import pytest

from hub.core.db import Database
from hub.core.jobs import JobQueue
from hub.core.sealing import SecretBox
from hub.oversight.audit import AuditLog
from hub.people.privacy import PrivacyService
from hub.sales.bookings import TravelDocuments
from tests.people.privacy.people import ADA, BEN, Clock, Gateway, Keeper, insert, rows_of

VAULT = SecretBox(["s" * 32])


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
def privacy(db: Database, gateway: Any, keeper: Any) -> PrivacyService:
    clock: Any = Clock()
    return PrivacyService(db, AuditLog(clock), JobQueue(), clock, gateway, keeper, TravelDocuments(db, clock, VAULT))
