import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from hub.core.errors import BreakerOpen
from hub.resilience.breaker import BreakerState, CircuitBreaker

ROUNDING = 1e-9
"""Sums of floating seconds."""


@pytest.fixture
def flips():
    return []


@pytest.fixture
def breaker(clock, flips):
    return CircuitBreaker(
        "kiwi",
        clock,
        window=30,
        min_calls=4,
        failure_ratio=0.5,
        cooldown=10,
        on_state_change=lambda *flip: flips.append(flip),
    )


def ask(breaker, *, fail):
    with breaker.acquire_permit() as permit:
        permit.record_failure() if fail else permit.record_success()


def open_it(breaker):
    for _ in range(4):
        ask(breaker, fail=True)


def test_half_of_enough_calls_failing_opens_it(breaker):
    for fail in (False, True, False, True):
        ask(breaker, fail=fail)
    assert breaker.state is BreakerState.OPEN


def test_a_few_failures_are_not_an_outage(breaker):
    for _ in range(3):
        ask(breaker, fail=True)
    assert breaker.state is BreakerState.CLOSED


def test_old_failures_slide_out_of_the_window(breaker, clock):
    for _ in range(3):
        ask(breaker, fail=True)
    clock.at += 31
    ask(breaker, fail=True)
    assert breaker.state is BreakerState.CLOSED


def test_open_it_refuses_and_says_for_how_long(breaker, clock):
    open_it(breaker)
    clock.at += 3
    with pytest.raises(BreakerOpen) as refused:
        breaker.acquire_permit()
    assert refused.value.retry_after == 7


def test_rested_it_lets_exactly_one_probe_through(breaker, clock):
    open_it(breaker)
    clock.at += 10
    probe = breaker.acquire_permit()
    for _ in range(50):
        with pytest.raises(BreakerOpen):
            breaker.acquire_permit()
    probe.record_success()
    assert breaker.state is BreakerState.CLOSED


def test_a_failed_probe_starts_the_rest_anew(breaker, clock):
    open_it(breaker)
    clock.at += 10
    ask(breaker, fail=True)
    clock.at += 9
    assert breaker.state is BreakerState.OPEN
    clock.at += 1
    assert breaker.state is BreakerState.HALF_OPEN


def test_a_cancelled_probe_frees_its_place(breaker, clock):
    open_it(breaker)
    clock.at += 10
    with breaker.acquire_permit():
        pass  # left without a word: the caller was cancelled
    ask(breaker, fail=False)
    assert breaker.state is BreakerState.CLOSED


def test_an_answer_from_before_the_outage_does_not_close_it(breaker, clock):
    late = breaker.acquire_permit()
    open_it(breaker)
    clock.at += 10
    probe = breaker.acquire_permit()
    late.record_success()
    with pytest.raises(BreakerOpen):
        breaker.acquire_permit()
    probe.record_failure()
    assert breaker.state is BreakerState.OPEN


def test_each_flip_is_told_once(breaker, clock, flips):
    open_it(breaker)
    clock.at += 10
    ask(breaker, fail=False)
    assert flips == [
        ("kiwi", BreakerState.CLOSED, BreakerState.OPEN),
        ("kiwi", BreakerState.OPEN, BreakerState.HALF_OPEN),
        ("kiwi", BreakerState.HALF_OPEN, BreakerState.CLOSED),
    ]


def test_a_closed_breaker_begins_with_a_clean_window(breaker, clock):
    open_it(breaker)
    clock.at += 10
    ask(breaker, fail=False)
    for _ in range(3):
        ask(breaker, fail=True)
    assert breaker.state is BreakerState.CLOSED


class BreakerMachine(RuleBasedStateMachine):
    """Whatever happens in whatever order: one probe at a time, refusals only while open, and a way back."""

    def __init__(self):
        super().__init__()
        self.at = 0.0
        self.flips = []
        self.breaker = CircuitBreaker(
            "x", self, window=30, min_calls=3, cooldown=10, on_state_change=lambda *flip: self.flips.append(flip)
        )
        self.out = []

    def monotonic(self):
        return self.at

    @rule(seconds=st.floats(0, 40))
    def time_passes(self, seconds):
        self.at += seconds

    @rule()
    def somebody_asks(self):
        before = self.breaker.state
        try:
            permit = self.breaker.acquire_permit()
        except BreakerOpen as refused:
            assert before is not BreakerState.CLOSED
            assert 1 <= refused.retry_after <= 10 + ROUNDING  # noqa: PT017 (a refusal is one of two right answers)
        else:
            assert before is not BreakerState.OPEN
            self.out.append((permit, before is BreakerState.HALF_OPEN, len(self.flips)))

    @precondition(lambda self: self.out)
    @rule(end=st.sampled_from(["record_success", "record_failure", "cancelled"]), data=st.data())
    def somebody_is_answered(self, end, data):
        permit, *_ = self.out.pop(data.draw(st.integers(0, len(self.out) - 1)))
        permit.__exit__(None, None, None) if end == "cancelled" else getattr(permit, end)()

    @invariant()
    def at_most_one_probe_is_out(self):
        probes = [one for one in self.out if one[1] and one[2] == len(self.flips)]
        assert len(probes) <= 1

    @invariant()
    def flips_follow_each_other(self):
        for (_, _, new), (_, old, _) in zip(self.flips, self.flips[1:], strict=False):
            assert new is old

    def teardown(self):
        for permit, *_ in self.out:
            permit.__exit__(None, None, None)
        self.at += 11
        if self.breaker.state is not BreakerState.CLOSED:
            ask(self.breaker, fail=False)
        assert self.breaker.state is BreakerState.CLOSED


BreakerMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
TestBreakerMachine = BreakerMachine.TestCase
