"""Exactly three ends: an answer, nothing done, or not known."""

import socket
from decimal import Decimal

import pytest

from hub.core.errors import OutcomeUnknown, ProviderPermanent, ProviderTimeout, ProviderTransient


@pytest.fixture
def closed_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        yield listener.getsockname()[1]  # bound and not listening: connections are refused


BROKEN = ["resets", "speaks_garbage", "cuts_the_body"]
SILENT = ["never_answers", "stalls_in_the_body"]


async def test_an_answer_keeps_its_fractions_exact(transport, provider, read):
    provider.will(provider.says(body=b'{"price": 199.10}', Request_Id="req_1"))
    answer = await transport.send_call(read())
    assert answer.json() == {"price": Decimal("199.10")}
    assert (answer.ok, answer.request_id) == (True, "req_1")


@pytest.mark.parametrize("status", [301, 400, 401, 402, 404, 422])
async def test_a_refusal_is_an_answer_and_never_repeated(transport, provider, read, status):
    provider.will(provider.says(status, Location="/elsewhere"))
    assert (await transport.send_call(read())).status == status
    assert len(provider.seen) == 1


@pytest.mark.parametrize("fault", BROKEN)
async def test_a_read_that_breaks_is_repeated_and_then_transient(transport, provider, read, fault):
    provider.will(getattr(provider, fault))
    with pytest.raises(ProviderTransient):
        await transport.send_call(read())
    assert len(provider.seen) == 3


@pytest.mark.parametrize("fault", SILENT)
async def test_a_silent_read_times_out_body_included(transport, provider, read, fault):
    provider.will(getattr(provider, fault))
    with pytest.raises(ProviderTimeout):
        await transport.send_call(read(timeout=0.1))


@pytest.mark.parametrize("fault", [*BROKEN, *SILENT])
async def test_a_write_without_a_key_is_sent_once_and_its_end_is_unknown(transport, provider, write, fault):
    provider.will(getattr(provider, fault))
    with pytest.raises(OutcomeUnknown):
        await transport.send_call(write(timeout=0.2))
    assert len(provider.seen) == 1


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_not_even_methods_called_idempotent_are_repeated_behind_our_back(transport, provider, write, method):
    provider.will(provider.resets)
    with pytest.raises(OutcomeUnknown):
        await transport.send_call(write(method=method))
    assert len(provider.seen) == 1


@pytest.mark.parametrize("fault", BROKEN)
async def test_a_keyed_write_is_repeated_under_its_key(transport, provider, write, fault):
    provider.will(getattr(provider, fault), provider.says(201))
    assert (await transport.send_call(write(idempotency_key="booking:1"))).status == 201
    assert [request.headers["Idempotency-Key"] for request in provider.seen] == ["booking:1"] * 2
    assert provider.bodies == [b"{}", b"{}"]


async def test_a_keyed_write_that_is_never_answered_is_unknown(transport, provider, write):
    provider.will(provider.resets)
    with pytest.raises(OutcomeUnknown):
        await transport.send_call(write(idempotency_key="k"))
    assert len(provider.seen) == 3


@pytest.mark.parametrize("fault", ["read", "write"])
async def test_a_refused_connection_is_transient_even_for_a_write(transport, read, write, closed_port, fault):
    call = {"read": read, "write": write}[fault](url=f"http://127.0.0.1:{closed_port}/")
    with pytest.raises(ProviderTransient) as refused:
        await transport.send_call(call)
    assert "could not be asked" in refused.value.detail


async def test_a_tls_failure_sends_nothing(transport, provider, write):
    provider.will(provider.says())
    with pytest.raises(ProviderTransient):
        await transport.send_call(write(url=provider.url.replace("http:", "https:")))
    assert provider.seen == []


async def test_an_unknown_host_is_transient_for_a_write(transport, write):
    with pytest.raises(ProviderTransient):
        await transport.send_call(write(url="http://no-such-host.invalid/"))


@pytest.mark.parametrize("url", ["not a url", "ftp://example.com/", "http://"])
async def test_an_address_that_is_none_is_permanent(transport, write, url):
    with pytest.raises(ProviderPermanent):
        await transport.send_call(write(url=url))


@pytest.mark.parametrize("status", [401, 403, 409, 429])
async def test_a_refusal_at_the_door_does_not_settle_an_earlier_doubt(transport, provider, write, status):
    """The first try may have charged the card; that the second was one too many tells nothing about it."""
    provider.will(provider.resets, provider.says(status))
    with pytest.raises(OutcomeUnknown):
        await transport.send_call(write(idempotency_key="k"))


async def test_a_server_error_leaves_the_same_doubt(transport, provider, write):
    provider.will(provider.says(500), provider.says(429))
    with pytest.raises(OutcomeUnknown):
        await transport.send_call(write(idempotency_key="k"))


async def test_a_settled_refusal_under_the_same_key_is_an_answer(transport, provider, write):
    provider.will(provider.resets, provider.says(402))
    assert (await transport.send_call(write(idempotency_key="k"))).status == 402


async def test_a_retry_that_cannot_connect_leaves_the_write_unknown(transport, provider, write, records):
    provider.will(provider.resets_and_leaves)
    with pytest.raises(OutcomeUnknown):
        await transport.send_call(write(idempotency_key="k"))
    assert [record.outcome for record in records] == ["unknown", "unreachable", "unreachable"]


async def test_an_answer_that_does_not_end_is_refused(transport, provider, read, write):
    transport.max_body = 1000
    provider.will(provider.says(body=b" " * 5000))
    with pytest.raises(ProviderPermanent):
        await transport.send_call(read())
    with pytest.raises(OutcomeUnknown):
        await transport.send_call(write())
