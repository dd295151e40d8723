"""One row that cannot be processed never stops the others.

A CHECK violation once ended a sweep, and the bookings behind it starved: so every loop that awaits goes through
`hub.core.row_failures`, or is listed here with its reason.
"""

import ast
from collections.abc import Iterator
from contextlib import AsyncExitStack
from random import Random
from typing import Any

from hub import app as root
from hub.core.clock import SystemClock
from hub.core.metrics import new_registry
from hub.settings import Settings
from tests.test_architecture import modules, tree

LOOPS = {
    # One unit of work: all of it, or nothing.
    "hub.people.identity.lockout.clear_attempt": "one attempt's counters, in the caller's transaction",
    "hub.people.identity.lockout.withdraw_attempt": "one attempt's counters, in the caller's transaction",
    "hub.outreach.messaging.booking_messages._tell": "the messages of one fact",
    "hub.sales.payments.disputes._post": "the entries of one dispute",
    "hub.sales.payments.payment_state._returned": "the refunds and disputes of one payment",
    "hub.sales.payments.settlement.retry_payment": "what staff ask for of one payment",
    "hub.planning.plans.generation.recorder.record_steps": "the events of one plan, in their order",
    "hub.planning.plans.generation.runner.run_generation": "the events of one plan, in their order",
    "hub.people.privacy.service._forgotten": "the follow-up jobs of one erasure",
    "hub.people.privacy.erasure.anonymize_customer": "one erasure: half of one would be worse than none",
    "hub.people.privacy.export.read_personal_data": "one archive, as of one moment",
    "hub.sales.bookings.service.list_bookings": "one page, as of one moment",
    "hub.sales.reconciliation.breaks._closed": "the breaks that one transaction has closed",
    # Tries of one thing, one after the other.
    "hub.sales.bookings.service._insert": "references, until one is free",
    "hub.sales.payments.checkout.start_payment": "payments of one booking, until one can be paid",
    "hub.planning.completions.chain.run": "models, until one answers",
    "hub.core.job_runner._record": "tries to write down one outcome",
    "hub.core.shared_cache.load_exclusively": "looks for one answer",
    "hub.people.identity.second_factor._is_code": "time steps of one code",
    "hub.planning.plans.drafting.llm_planner._mended": "repairs of one plan",
    # Isolated in their own way.
    "hub.core.row_failures.process_rows": "the mechanism itself",
    "hub.core.row_failures.process_all": "the mechanism itself",
    "hub.core.group_commit._written": "a group that failed is written one by one, and each caller hears of its own",
    "hub.core.db.register_json_codecs": "at the start of one connection",
    "hub.core.notifications._listen": "the channels of one connection",
    "hub.core.shared_cache.invalidate_tags": "an entry whose tag is not stamped expires by itself",
    "hub.planning.files.attachments._spool": "the chunks of one file",
    "hub.planning.plans.drafting.evaluation.run": "a command on somebody's terminal",
    "hub.sales.reconciliation.supplier_orders.compare_orders": "batches, whose rows are isolated",
    "hub.sales.reconciliation.run._run": "providers, each a part that may fail",
}
WITHOUT_ROWS = {
    "hub.core.idempotency.sweep_expired_keys": "one delete",
    "hub.core.mail_limits.delete_expired_counts": "one delete",
    "hub.supply.flights.service.delete_old_searches": "one delete",
    "hub.people.identity.accounts.delete_expired_records": "two deletes",
    "hub.people.identity.lockout.delete_expired_failures": "one delete",
    "hub.people.identity.staff.delete_expired_sessions": "one delete",
    "hub.planning.plans.service.delete_old_events": "one delete",
    "hub.sales.reconciliation.run.run_scheduled": "a run, whose parts and rows are isolated",
}
"""Schedules that read no rows to process one by one."""

AWAITING = (ast.Await, ast.AsyncWith, ast.AsyncFor)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.GeneratorExp)


def coroutines() -> Iterator[tuple[str, ast.AsyncFunctionDef]]:
    for name, path in modules("hub").items():
        if not name.startswith(("simulation", "hub.cli")):
            for node in ast.walk(tree(path)):
                if isinstance(node, ast.AsyncFunctionDef):
                    yield f"{name}.{node.name}", node


def awaits_in_a_loop(function: ast.AsyncFunctionDef) -> bool:
    for node in ast.walk(function):
        if isinstance(node, ast.For | ast.AsyncFor):
            repeated: list[ast.AST] = list(node.body)
        elif isinstance(node, COMPREHENSIONS):
            repeated = [node.elt]
        elif isinstance(node, ast.DictComp):
            repeated = [node.key, node.value]
        else:
            continue
        if any(isinstance(inner, AWAITING) for part in repeated for inner in ast.walk(part)):
            return True
    return False


def is_schedule(function: ast.AsyncFunctionDef) -> bool:
    calls = [one for one in function.decorator_list if isinstance(one, ast.Call)]
    return any(isinstance(one.func, ast.Name) and one.func.id == "every" for one in calls)


def processes_rows(function: ast.AsyncFunctionDef) -> bool:
    names = {node.id for node in ast.walk(function) if isinstance(node, ast.Name)}
    return "Sweep" in names


def test_every_loop_over_rows_isolates_them_or_says_why_not():
    loops = {name for name, function in coroutines() if awaits_in_a_loop(function)}
    assert loops - LOOPS.keys() == set(), "use hub.core.row_failures, or give the reason here"
    assert LOOPS.keys() - loops == set(), "there is no such loop any more"


def test_every_schedule_isolates_its_rows_or_has_none():
    schedules = {name: processes_rows(function) for name, function in coroutines() if is_schedule(function)}
    assert {name for name, isolates in schedules.items() if not isolates} == set(WITHOUT_ROWS)
    assert len(schedules) >= len(WITHOUT_ROWS) + 10


def test_the_rule_notices_a_sweep_that_forgets_it():
    source = (
        "async def forgetful(self):\n    for row in rows:\n        await self.handle(row)\n\n"
        "async def comprehensive(self):\n    return [await self.handle(row) for row in rows]\n\n"
        "async def isolated(self):\n    await Sweep('a', db, clock).process(rows, self.handle, key=str)\n"
    )
    functions = [node for node in ast.parse(source).body if isinstance(node, ast.AsyncFunctionDef)]
    assert [awaits_in_a_loop(one) for one in functions] == [True, True, False]
    assert [processes_rows(one) for one in functions] == [False, False, True]


def test_every_schedule_runs():
    """A service whose class has one, and that is not among the workers, never sweeps."""
    nothing: Any = None
    have = root.Resources(
        Settings.from_environment(),
        SystemClock(),
        Random(1),
        nothing,
        nothing,
        nothing,
        new_registry(),
        AsyncExitStack(),
    )
    workers = {type(one).__module__ for one in root.build_services(have).job_services}
    classes = {name.rpartition(".")[0] for name, function in coroutines() if is_schedule(function)}
    assert classes - workers == set()
