"""A browser's long name in words that its owner knows: Firefox on Windows."""

import re

UNKNOWN_DEVICE = "an unknown device"

# In order: most browsers also claim to be those that come after them.
_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("FxiOS/", "Firefox"),
    ("Firefox/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS = (
    ("iPhone", "an iPhone"),
    ("iPad", "an iPad"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Mac OS X", "a Mac"),
    ("Linux", "Linux"),
)
_PRODUCT = re.compile(r"([A-Za-z][A-Za-z0-9_-]{0,29})/\d")


def describe_device(user_agent: str | None) -> str:
    """Of what is not a browser only the first name is told.

    Whoever signs in chooses this text, and somebody else reads it in a letter of ours: no address gets through.
    """
    text = user_agent or ""
    browser, system = _first(_BROWSERS, text), _first(_SYSTEMS, text)
    if browser is None:
        product = _PRODUCT.match(text)
        browser = product[1] if product and product[1] != "Mozilla" else None
    if browser and system:
        return f"{browser} on {system}"
    return browser or system or UNKNOWN_DEVICE


def _first(known: tuple[tuple[str, str], ...], text: str) -> str | None:
    return next((name for mark, name in known if mark in text), None)
