"""Who is asked, how often, and what is made of the answers."""

import pytest

from hub.planning.completions import (
    AnswerStarted,
    AnswerTruncated,
    AnswerUnreadable,
    ContentFiltered,
    ContextTooLong,
    ModelAttempt,
    NoModelAvailable,
    TokenUsage,
)
from tests.planning.completions.scripted import (
    GOOD,
    done,
    outcomes,
    permanent,
    question,
    restarts,
    route,
    table,
    timeout,
    transient,
)

SCHEMA = {"type": "object", "required": ["title"], "properties": {"title": {"type": "string"}}}


async def test_the_first_model_answers_and_nobody_else_is_asked():
    found = table(a=[GOOD], b=[GOOD])
    events = await found.ask()
    assert events[:3] == [AnswerStarted("a", (ModelAttempt("a", "began", 0),)), "Hello", " there"]
    answer = events[3]
    assert (answer.text, answer.model, answer.usage, outcomes(answer)) == (
        "Hello there", "a", TokenUsage(100, 20), ["a answered"],
    )  # fmt: skip
    assert answer.cost == 180
    assert found.models.names == ["a"]


async def test_a_retry_after_that_is_soon_over_is_waited_for():
    found = table(a=[[transient(429, after=1.5)], GOOD], b=[GOOD])
    assert (await found.answer()).model == "a"
    assert found.time.slept[0] >= 1.5


async def test_a_retry_after_that_is_far_goes_to_the_next_at_once_and_the_model_is_left_alone_until_then():
    found = table(a=[[transient(429, after=30.0)], GOOD], b=[GOOD])
    assert outcomes(await found.answer()) == ["a rate_limited", "b answered"]
    assert found.time.slept == []
    assert outcomes(await found.answer()) == ["a resting", "b answered"]
    found.time.at += 30
    assert (await found.answer()).model == "a"


async def test_a_429_without_advice_is_asked_again_with_growing_pauses_a_few_times():
    found = table(a=[[transient(429)]], b=[GOOD])
    assert outcomes(await found.answer()) == [*["a rate_limited"] * 3, "b answered"]
    first, second = found.time.slept
    assert 0 < first <= 0.25
    assert 0 < second <= 0.5


async def test_a_500_is_asked_again_once():
    found = table(a=[[transient(500)], GOOD], b=[GOOD])
    assert outcomes(await found.answer()) == ["a failed", "a answered"]


async def test_a_500_that_stays_goes_to_the_next():
    found = table(a=[[transient(500)]], b=[GOOD])
    assert outcomes(await found.answer()) == ["a failed", "a failed", "b answered"]


async def test_a_503_goes_to_the_next_at_once_and_is_asked_again_where_there_is_nobody_else():
    found = table(a=[[transient(503)]], b=[GOOD])
    assert outcomes(await found.answer()) == ["a failed", "b answered"]
    alone = table(a=[[transient(503)], GOOD])
    assert outcomes(await alone.answer()) == ["a failed", "a answered"]


async def test_a_line_that_breaks_before_the_first_word_is_asked_again():
    found = table(a=[[transient()], GOOD], b=[GOOD])
    assert outcomes(await found.answer()) == ["a reset", "a answered"]


@pytest.mark.parametrize("code", ["first_token_timeout", "stream_stalled", "total_timeout"])
async def test_a_silent_model_is_not_asked_twice(code: str):
    found = table(a=[[timeout(code)]], b=[GOOD])
    assert outcomes(await found.answer())[1:] == ["b answered"]
    assert found.models.names == ["a", "b"]


@pytest.mark.parametrize("code", ["stream_cut", "stream_malformed"])
async def test_what_fails_in_the_middle_begins_anew_with_the_next(code: str):
    found = table(a=[["Half of", transient(code=code)]], b=[GOOD])
    events = await found.ask()
    assert restarts(events) == [code.removeprefix("stream_")]
    assert [one.model for one in events if isinstance(one, AnswerStarted)] == ["a", "b"]
    assert [one for one in events if isinstance(one, str)] == ["Half of", "Hello", " there"]
    assert events[-1].text == "Hello there"


async def test_what_fails_in_the_middle_begins_anew_once_with_the_same_where_there_is_nobody_else():
    found = table(a=[["Half", transient(code="stream_cut")]])
    with pytest.raises(NoModelAvailable) as caught:
        await found.ask()
    assert outcomes(caught.value) == ["a cut", "a cut"]


async def test_a_question_that_is_too_long_goes_to_another_model_and_never_to_the_same():
    found = table(a=[[ContextTooLong()]], b=[GOOD])
    assert outcomes(await found.answer()) == ["a refused:context_length", "b answered"]


async def test_a_question_that_is_too_long_for_all_is_said_to_be():
    with pytest.raises(ContextTooLong):
        await table(a=[[ContextTooLong()]], b=[[ContextTooLong()]]).ask()
    with pytest.raises(NoModelAvailable):
        await table(a=[[ContextTooLong()]], b=[[timeout()]]).ask()


async def test_a_filter_is_passed_on_and_nobody_else_is_asked():
    found = table(a=[["I would", done("content_filter", note="violence")]], b=[GOOD])
    with pytest.raises(ContentFiltered) as caught:
        await found.ask()
    assert (caught.value.note, found.models.names) == ("violence", ["a"])
    assert caught.value.answer is not None
    assert caught.value.answer.text == "I would"


async def test_a_filter_before_the_first_word_is_passed_on_too():
    found = table(a=[[ContentFiltered("prompt")]], b=[GOOD])
    with pytest.raises(ContentFiltered, match="prompt"):
        await found.ask()
    assert found.models.names == ["a"]


@pytest.mark.parametrize("status", [400, 401, 403, 404])
async def test_what_a_model_refuses_the_next_may_answer(status: int):
    found = table(a=[[permanent(status)]], b=[GOOD])
    assert outcomes(await found.answer()) == [f"a refused:{status}", "b answered"]


async def test_a_question_that_all_refuse_is_the_askers_mistake():
    with pytest.raises(NoModelAvailable) as caught:
        await table(a=[[permanent(400)]], b=[[permanent(400)]]).ask()
    assert caught.value.rejection is not None
    with pytest.raises(NoModelAvailable) as caught:
        await table(a=[[permanent(400)]], b=[[permanent(401)]]).ask()
    assert caught.value.rejection is None


async def test_a_document_that_is_cut_goes_to_the_next_and_is_never_a_success():
    asked = question(schema=SCHEMA)
    whole = ('{"title": "Lisbon"}', done())
    found = table(a=[['{"title": "Lis', done("length")]], b=[whole])
    assert (await found.answer(about=asked)).text == '{"title": "Lisbon"}'
    cut = table(a=[['{"title": "Lis', done("length")]], b=[['{"ti', done("length")]], c=[whole])
    with pytest.raises(AnswerTruncated):
        await cut.ask(about=asked)
    assert cut.models.names == ["a", "b"]


async def test_who_asked_for_a_bound_gets_what_there_was_room_for():
    answer = await table(a=[["Once upon", done("length")]]).answer()
    assert (answer.text, answer.reason) == ("Once upon", "length")


@pytest.mark.parametrize("text", ["Here you are", '{"name": "x"}', '{"title": 7}', '[{"title": "x"}]'])
async def test_a_document_that_does_not_fit_goes_to_the_next(text: str):
    asked = question(schema=SCHEMA)
    found = table(a=[[text, done()]], b=[['{"title": "x"}', done()]])
    events = await found.ask(about=asked)
    assert restarts(events) == ["unreadable"]
    with pytest.raises(AnswerUnreadable):
        await table(a=[[text, done()]]).ask(about=asked)


async def test_a_stream_without_an_end_is_no_answer():
    found = table(a=[["All there is"]], b=[GOOD])
    assert (await found.answer()).model == "b"


# Time.


async def test_an_attempt_leaves_the_others_their_time():
    found = table(a=[[timeout()]], b=[GOOD])
    found.total = 30.0
    await found.ask()
    first, second = found.models.asked
    assert (first.first, first.total) == (15.0, 20.0)
    assert (second.first, second.total) == (20.0, 30.0)


async def test_what_is_out_of_time_is_not_asked():
    found = table(a=[[59.99, timeout()]], b=[GOOD])
    with pytest.raises(NoModelAvailable) as caught:
        await found.ask()
    assert outcomes(caught.value) == ["a timeout", "b out_of_time"]


async def test_a_pause_that_would_pass_the_end_is_not_made():
    found = table(a=[[transient(429, after=1.5)]])
    found.total = 1.0
    with pytest.raises(NoModelAvailable) as caught:
        await found.ask()
    assert (found.time.slept, caught.value.retry_after) == ([], 1.5)


# Health.


async def test_a_dead_model_is_left_alone_and_asked_again_within_thirty_seconds_of_its_recovery():
    found = table(a=[*[[timeout()]] * 4, GOOD], b=[GOOD])
    for _ in range(4):
        await found.ask()
    assert outcomes(await found.answer()) == ["a breaker_open", "b answered"]
    found.time.at += 10
    assert outcomes(await found.answer()) == ["a answered"]
    assert outcomes(await found.answer()) == ["a answered"]


async def test_a_429_is_no_outage():
    found = table(a=[[transient(429, after=2.5)]], b=[GOOD])
    for _ in range(6):
        await found.ask()
        found.time.at += 3
    assert found.models.names.count("a") == 6


async def test_when_all_are_left_alone_it_fails_at_once_and_says_when_to_come_back():
    found = table(a=[[timeout()]])
    for _ in range(4):
        with pytest.raises(NoModelAvailable):
            await found.ask()
    with pytest.raises(NoModelAvailable) as caught:
        await found.ask()
    assert (outcomes(caught.value), len(found.models.asked)) == (["a breaker_open"], 4)
    assert caught.value.retry_after == pytest.approx(10, abs=0.1)


async def test_models_that_nobody_has_set_up_are_remembered_up_to_a_bound():
    found = table(a=[GOOD])
    for number in range(1000):
        found.health.acquire_permit(f"model-{number}")
    assert len(found.health._others) == 256


async def test_an_answer_whose_usage_is_not_said_is_counted():
    answer = await table(a=[["twelve bytes", done(usage=None)]]).answer()
    assert answer.usage.estimated
    assert answer.usage.output_tokens == 3
    assert answer.cost == route("a").price.calculate_cost(answer.usage)
