"""Text of a model, a supplier or a traveller, as plain text: no link that the hub has not made, nothing unseen."""

import re
import unicodedata

MAX_LINE_LENGTH, MAX_TEXT_LENGTH = 160, 600
"""Characters of a name or title, and of a note or summary: the lengths of hub.planning.plans.model."""
_JOINERS = "\u200c\u200d"
"""Persian and emoji are written with them."""
_HIDDEN = 12
"""How often something may come to light that was hidden in what has been taken out; then nothing of it is left."""
_BARE = re.compile(r"[<>\[\]()@:/.\s]+")
_SCRIPT = re.compile(r"<\s*(script|style|iframe|object|svg)\b.*?(<\s*/\s*\1\s*>|$)", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"</?[a-z!?][^<>]*>?", re.IGNORECASE)
_LINK = re.compile(r"!?\[([^\[\]]*)\]\s?(?:\([^()]*(?:\([^()]*\)[^()]*)*\)|\[[^\[\]]*\])")
_SCHEME = re.compile(
    r"\b(?:[a-z][a-z0-9+.-]{1,20}:\s?//|(?:javascript|data|vbscript|mailto|tel|sms):)\S*", re.IGNORECASE
)
_MAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+")
_HOST = re.compile(
    r"(?:\bwww\.\S+"
    r"|\b(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.){1,9}[a-z]{2,24}/\S*"
    r"|\b(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.){1,9}"
    r"(?:com|net|org|info|biz|io|co|app|dev|xyz|top|site|online|shop|club|example|test|ru|cn|de|uk|fr|es|it|eu|me|ly|gg)\b"
    r"(?::\d+)?)",
    re.IGNORECASE,
)


def sanitize_text(text: str, longest: int = MAX_TEXT_LENGTH) -> str:
    """One line without control characters, markup, addresses or links, of at most `longest` characters."""
    found = text[: 8 * longest]
    for _ in range(_HIDDEN):
        before, found = found, _once(found)
        if found == before:
            return _cut(found, longest)
    return _cut(_BARE.sub(" ", found), longest)


def _once(text: str) -> str:
    text = "".join(_seen(letter) for letter in unicodedata.normalize("NFC", text))
    text = _TAG.sub(" ", _SCRIPT.sub(" ", text))
    text = _LINK.sub(r"\1", text).replace("](", " ")
    for pattern in (_SCHEME, _MAIL, _HOST):
        text = pattern.sub(" ", text)
    return " ".join(text.split())


def _seen(letter: str) -> str:
    match unicodedata.category(letter):
        case "Cc" | "Zl" | "Zp":
            return " "
        case "Cf" | "Cs" | "Co" | "Cn" if letter not in _JOINERS:
            return ""
        case _:
            return letter


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"


def sanitize_line(text: str) -> str:
    return sanitize_text(text, MAX_LINE_LENGTH)
