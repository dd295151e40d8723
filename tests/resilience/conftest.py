import asyncio
from datetime import UTC, datetime, timedelta

import pytest


class ManualClock:
    """Time stands still until it is moved; sleeping moves it."""

    def __init__(self):
        self.at = 1000.0
        self.slept = []

    def now(self):
        return datetime(2026, 6, 1, tzinfo=UTC) + timedelta(seconds=self.at)

    def monotonic(self):
        return self.at

    async def sleep(self, seconds):
        self.slept.append(seconds)
        self.at += seconds
        await asyncio.sleep(0)


class HighRoller:
    """Chance at its largest, so that bounds can be seen."""

    def uniform(self, a, b):
        return b


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def chance():
    return HighRoller()


@pytest.fixture(scope="session")
def make_clock():
    return ManualClock
