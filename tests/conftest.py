import os

import pytest
import structlog
from hypothesis import settings

pytest_plugins = ["tests.support.database", "tests.support.running"]

OPTIONAL = "VENDOR_SPECS is not set"
"""The vendors' own files do not belong to this repository; without them their tests may be skipped."""


def pytest_configure() -> None:
    """Plain tracebacks: structlog's own default draws each with all its variables, which takes most of a second.

    No example of hypothesis has a deadline: on a busy machine any may take longer than another.
    """
    settings.register_profile("hub", deadline=None)
    settings.load_profile("hub")
    plain = [structlog.processors.add_log_level, structlog.processors.format_exc_info]
    structlog.configure(processors=[*plain, structlog.dev.ConsoleRenderer(colors=False)])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    """With HUB_TEST_REQUIRE_ALL=1 a skipped test is a failed one: what was to be proved was not."""
    report: pytest.TestReport = yield
    if os.environ.get("HUB_TEST_REQUIRE_ALL") == "1" and report.skipped and OPTIONAL not in str(report.longrepr):
        report.outcome = "failed"
        report.longrepr = f"skipped, and nothing may be: {report.longrepr}"
    return report
