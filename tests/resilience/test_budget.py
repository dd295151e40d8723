from hypothesis import given
from hypothesis import strategies as st

from hub.resilience.budget import RetryBudget


def test_a_quiet_provider_may_be_retried(clock):
    budget = RetryBudget(clock, reserve=2)
    assert [budget.try_withdraw() for _ in range(3)] == [True, True, False]


def test_time_fills_the_reserve_and_no_more(clock):
    budget = RetryBudget(clock, reserve=2, refill_per_second=0.5)
    while budget.try_withdraw():
        pass
    clock.at += 2
    assert budget.tokens == 1
    clock.at += 1000
    assert budget.tokens == 2


def test_in_an_outage_a_fifth_of_the_requests_is_retried(clock):
    budget = RetryBudget(clock, ratio=0.2, reserve=0)
    retried = 0
    for _ in range(1000):
        budget.deposit()
        retried += budget.try_withdraw()
    assert 195 <= retried <= 200


def test_good_times_are_not_hoarded_for_ever(clock):
    budget = RetryBudget(clock, max_tokens=20)
    for _ in range(10_000):
        budget.deposit()
    assert sum(budget.try_withdraw() for _ in range(100)) == 20


@given(st.lists(st.one_of(st.just("ask"), st.just("retry"), st.floats(0, 60)), max_size=200))
def test_retries_never_exceed_what_was_paid_in(make_clock, steps):
    clock = make_clock()
    start, budget, asked, retried = clock.at, RetryBudget(clock, ratio=0.2, reserve=3, refill_per_second=0.1), 0, 0
    for step in steps:
        if step == "ask":
            budget.deposit()
            asked += 1
        elif step == "retry":
            retried += budget.try_withdraw()
        else:
            clock.at += step
        assert 0 <= budget.tokens <= 20
        assert retried <= 3 + 0.2 * asked + 0.1 * (clock.at - start) + 1e-6
