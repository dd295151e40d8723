"""How many tokens a text has, without the tokenizer of each model: from above to reserve money, near to settle it.

From above: half the bytes of its UTF-8. Tokenizers make about one token of four ASCII letters, of two or three where
it is digits, ids and signs, and of one to one and a half characters of three bytes each in Chinese or Thai.
Near: a quarter of the ASCII bytes, a third of the others.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from hub.planning.completions.model import Message, Price, Question, Usage

PER_MESSAGE = 8
"""Tokens that frame a message, from above."""
PER_IMAGE = 3000
"""Tokens of an image, from above: its bytes say nothing about them."""


def at_most(text: str) -> int:
    return -(-len(text.encode("utf-8", "replace")) // 2)


def about(text: str) -> int:
    """Near the truth, on either side."""
    size = len(text.encode("utf-8", "replace"))
    ascii_size = sum(character < "\x80" for character in text) if size != len(text) else size
    return -(-ascii_size // 4) + -(-(size - ascii_size) // 3)


def input_at_most(question: Question) -> int:
    return sum(PER_MESSAGE + _images(one) * PER_IMAGE + at_most(_text(one)) for one in question.messages) + sum(
        at_most(_json(part)) for part in _further(question)
    )


def spent_on(question: Question, answer: str) -> Usage:
    """What an answer may have taken whose server did not say."""
    texts = [_text(one) for one in question.messages] + [_json(part) for part in _further(question)]
    images = sum(_images(one) for one in question.messages)
    tokens = sum(about(text) + PER_MESSAGE // 2 for text in texts) + images * PER_IMAGE // 3
    return Usage(tokens, about(answer), estimated=True)


def worst(question: Question, prices: Iterable[Price]) -> int:
    """In micro-units: the dearest input and the dearest output of the chain, whichever model they are of."""
    every = list(prices)
    dearest = Price(max(one.input for one in every), max(one.output for one in every))
    return dearest.of(Usage(input_at_most(question), question.max_output_tokens))


def _further(question: Question) -> list[Any]:
    """What is read as input beside the messages."""
    found: list[Any] = [dict(question.schema.document)] if question.schema else []
    return found + [question.parameters[name] for name in ("tools", "functions") if name in question.parameters]


def _text(message: Message) -> str:
    content = message.content or ""
    if not isinstance(content, str):
        content = "".join(_json(part) for part in content if not _is_image(part))
    return content + (_json(message.rest) if message.rest else "")


def _images(message: Message) -> int:
    content = message.content
    return 0 if content is None or isinstance(content, str) else sum(map(_is_image, content))


def _is_image(part: Mapping[str, Any]) -> bool:
    return part.get("type") in {"image_url", "input_image"}


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=dict)
