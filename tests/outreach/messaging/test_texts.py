"""What strangers write about themselves, in letters that others read."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.outreach.messaging.template_context import format_duration
from hub.outreach.messaging.templates import MessageTemplates, format_greeting
from hub.outreach.messaging.user_agents import UNKNOWN_DEVICE, describe_device

EDGE = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140 Safari/537 Edg/140"
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.5 Mobile/15E148 Safari/604.1"
)
PIXEL = (
    "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Mobile Safari/537.36"
)
MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605"


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        (EDGE, "Edge on Windows"),
        (IPHONE, "Safari on an iPhone"),
        (PIXEL, "Chrome on Android"),
        (MAC, "Safari on a Mac"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
        ("TravelApp/3.2 (iPhone; iOS 18.5)", "TravelApp on an iPhone"),
        ("okhttp/4.9.3", "okhttp"),
        ("curl/8.5.0", "curl"),
        ("Mozilla/5.0", UNKNOWN_DEVICE),
        ("evil.example/1 click", UNKNOWN_DEVICE),
        ("https://evil.example/1", UNKNOWN_DEVICE),
        ("", UNKNOWN_DEVICE),
        (None, UNKNOWN_DEVICE),
    ],
)
def test_a_device_in_words_of_its_owner(agent: str | None, words: str):
    assert describe_device(agent) == words


@given(st.text() | st.from_regex(r"[a-z]+(\.|://)[a-z./]+/[0-9]"))
def test_no_address_travels_in_the_name_of_a_device(agent: str):
    assert not set(describe_device(agent)) & set("./:@<>&")


@pytest.mark.parametrize(
    "name", ["Ada", "Ada Lovelace", "J. R. Tolkien", "Sean O'Brien", "Jean-Luc", "Nguyễn Văn An", "अदिति", "李明"]
)
def test_a_name_of_any_script_is_greeted(name: str):
    assert format_greeting(name) == f"Hello {name},"


@pytest.mark.parametrize(
    "name",
    ["", "  ", "evil.example", "www.evil.example", "win 1000", "a@b", "http://x", "<b>Ada", "x" * 61, "a\u202eb"],
)
def test_what_is_no_name_is_not_repeated(name: str):
    assert format_greeting(name) == "Hello,"


@given(st.text(max_size=80))
def test_a_greeting_is_one_line_without_addresses(name: str):
    said = format_greeting(name)
    assert "\n" not in said
    assert not set(said) & set("/:@<>&0123456789")
    assert "." not in said.replace(". ", "").replace(".,", "")


@pytest.mark.parametrize(
    ("life", "words"),
    [
        (timedelta(hours=24), "24 hours"),
        (timedelta(hours=1), "1 hour"),
        (timedelta(minutes=119), "1 hour"),
        (timedelta(minutes=10), "10 minutes"),
        (timedelta(seconds=5), "1 minute"),
    ],
)
def test_how_long_a_link_lives(life: timedelta, words: str):
    assert format_duration(life) == words


def test_markup_in_an_address_is_only_text():
    facts = {"customer": {"name": "Ada", "email": "<b>a@b"}, "session": None, "at": None, "forgot_link": "https://x"}
    rendered = MessageTemplates().render_email("welcome", facts)
    assert "&lt;b&gt;a@b" in rendered.html
    assert "<b>a@b" not in rendered.html
