"""The pages and buttons under /_/."""

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp.test_utils import make_mocked_request

from sandbox.control_input import prefers_page
from sandbox.faults import PROVIDERS
from tests.sandbox.shell import Shell, open_shell

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
FORM = BROWSER | {"Content-Type": "application/x-www-form-urlencoded"}
LISTS = ("mailbox", "messages", "calls", "faults", "callbacks")
EVIL = "<script>alert(1)</script>"


@pytest.fixture
async def shell() -> AsyncIterator[Shell]:
    async with open_shell() as opened:
        yield opened


async def press(shell: Shell, path: str, text: str = "") -> tuple[int, Any, Any]:
    return await shell.call("POST", path, data=text, headers=FORM)


@pytest.mark.parametrize(
    ("accept", "page"),
    [
        (BROWSER["Accept"], True),
        ("text/html", True),
        ("application/json, text/html", True),
        ("application/json, text/html;q=0.5", False),
        ("text/html;q=0", False),
        ("text/html;q=x", False),
        ("*/*", False),
        ("", False),
    ],
)
def test_only_who_prefers_a_page_gets_one(accept: str, page: bool) -> None:
    assert prefers_page(make_mocked_request("GET", "/", headers={"Accept": accept})) is page


@pytest.mark.parametrize("name", LISTS)
async def test_a_list_is_json_for_programs_and_a_page_for_people(shell: Shell, name: str) -> None:
    await shell.mail()
    await shell.fault("slow", delay=0)
    status, rows, headers = await shell.call("GET", f"/_/{name}")
    assert (status, isinstance(rows, list), headers["Content-Type"]) == (200, True, "application/json; charset=utf-8")
    status, text, headers = await shell.call("GET", f"/_/{name}", headers=BROWSER)
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert ("<table>" in text) == bool(rows)


async def test_the_overview_has_it_all_and_asks_no_other_host(shell: Shell) -> None:
    await shell.mail(subject="Your trip")
    await shell.fault("garbage", times=3)
    await shell.control("POST", "callbacks/hold", provider="kiwi")
    status, text, headers = await shell.call("GET", "/_/", headers=BROWSER)
    assert status == 200
    assert all(word in text for word in ("Your trip", "email.delivered", "garbage", "kiwi held", "/resend/emails"))
    assert "script-src 'self'" in headers["Content-Security-Policy"]
    assert re.findall(r"(?:src|href|action)=\"(?:https?:)?//", text) == []


async def test_the_overview_of_a_new_sandbox_is_empty(shell: Shell) -> None:
    _, text, _ = await shell.call("GET", "/_/", headers=BROWSER)
    assert text.count("Nothing yet.") == 5


async def test_every_button_has_its_route(shell: Shell) -> None:
    await shell.mail()
    _, text, _ = await shell.call("GET", "/_/", headers=BROWSER)
    actions = set(re.findall(r"action=\"([^\"]+)\"", text))
    assert {"/_/reset", "/_/faults", "/_/callbacks/1/resend", "/_/stripe/refunds", "/_/kiwi/next"} <= actions
    for action in actions - {"/_/reset"}:
        status, body, _ = await shell.call("POST", action, json={"payment_intent": "pi_none"})
        assert status < 500, action
        assert body != {"error": "Not Found", "status": 404}, action


async def test_the_page_keeps_itself_fresh(shell: Shell) -> None:
    status, script, headers = await shell.call("GET", "/_/live.js")
    assert (status, headers["Content-Type"]) == (200, "text/javascript; charset=utf-8")
    assert "/_/lists" in script
    await shell.mail(subject="Later")
    _, text, _ = await shell.call("GET", "/_/lists")
    assert "Later" in text
    assert "<html" not in text


async def test_a_mail_is_shown_but_may_run_nothing(shell: Shell) -> None:
    _, sent, _ = await shell.mail(html=f"<h1>Hi</h1>{EVIL}", subject=EVIL, text="plain words")
    path = f"/_/mailbox/{sent['id']}"
    _, page, _ = await shell.call("GET", path, headers=BROWSER)
    only = "allow-popups allow-popups-to-escape-sandbox"
    assert f'<iframe sandbox="{only}" title="The mail" src="{path}?raw=1">' in page
    assert "plain words" in page
    assert EVIL not in page
    _, raw, headers = await shell.call("GET", f"{path}?raw=1", headers=BROWSER)
    assert raw == f'<base target="_blank"><h1>Hi</h1>{EVIL}'
    assert headers["Content-Security-Policy"].startswith(f"sandbox {only}; default-src 'none'")
    assert (await shell.control("GET", f"mailbox/{sent['id']}"))["subject"] == EVIL


@pytest.mark.parametrize("name", ["", "mailbox", "calls", "callbacks", "lists"])
async def test_nothing_that_was_sent_becomes_part_of_a_page(shell: Shell, name: str) -> None:
    await shell.mail(subject=EVIL, **{"from": f"{EVIL} <a@example.com>"}, headers={"Idempotency-Key": EVIL})
    await shell.call("GET", f"/resend/emails/{EVIL}")
    _, text, _ = await shell.call("GET", f"/_/{name}", headers=BROWSER)
    assert EVIL not in text


async def test_a_mail_that_is_not_there(shell: Shell) -> None:
    status, body, _ = await shell.call("GET", "/_/mailbox/none")
    assert (status, body["error"]) == (404, "Not Found")


async def test_a_mail_with_text_alone_has_no_frame(shell: Shell) -> None:
    _, sent, _ = await shell.mail(html=None, text="only words")
    _, page, _ = await shell.call("GET", f"/_/mailbox/{sent['id']}", headers=BROWSER)
    assert "<iframe" not in page
    assert "only words" in page


async def test_a_pressed_button_leads_back(shell: Shell) -> None:
    status, _, headers = await press(shell, "/_/faults", "provider=kiwi&kind=slow&delay=0.5&after_effect=on&path=")
    assert (status, headers["Location"]) == (303, "/_/")
    (fault,) = await shell.control("GET", "faults")
    assert (fault["delay"], fault["after_effect"], fault["path"]) == (0.5, True, "")
    await press(shell, "/_/faults/clear")
    assert await shell.control("GET", "faults") == []


@pytest.mark.parametrize("verb", ["hold", "release", "drop", "keep"])
async def test_webhooks_are_steered_for_one_provider_or_for_all(shell: Shell, verb: str) -> None:
    assert await shell.control("POST", f"callbacks/{verb}") in ({"released": 0}, {"providers": ALL})
    status, body, _ = await shell.call("POST", f"/_/callbacks/{verb}", json={"provider": "nobody"})
    assert (status, body["field"]) == (422, "provider")


ALL = sorted(PROVIDERS)


@pytest.mark.parametrize("number", ["0", "7", "x", "9" * 30, "\N{SUPERSCRIPT TWO}"])
async def test_a_webhook_that_never_was_is_not_resent(shell: Shell, number: str) -> None:
    status, _, _ = await shell.call("POST", f"/_/callbacks/{number}/resend")
    assert status == 404


async def test_it_says_that_it_is_a_sandbox_and_well(shell: Shell) -> None:
    assert await shell.control("GET", "health") == {"status": "ok", "sandbox": True, "callback_base": shell.hub.base}
