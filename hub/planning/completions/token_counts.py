"""How many tokens a text has, without the tokenizer of each model: from above to reserve money, near to settle it.

From above: half the bytes of its UTF-8. Tokenizers make about one token of four ASCII letters, of two or three where
it is digits, ids and signs, and of one to one and a half characters of three bytes each in Chinese or Thai.
Near: a quarter of the ASCII bytes, a third of the others.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from hub.planning.completions.model import ChatMessage, CompletionRequest, TokenPrice, TokenUsage

TOKENS_PER_MESSAGE = 8
"""Tokens that frame a message, from above."""
TOKENS_PER_IMAGE = 3000
"""Tokens of an image, from above: its bytes say nothing about them."""


def estimate_max_tokens(text: str) -> int:
    return -(-len(text.encode("utf-8", "replace")) // 2)


def estimate_tokens(text: str) -> int:
    """Near the truth, on either side."""
    size = len(text.encode("utf-8", "replace"))
    ascii_size = sum(character < "\x80" for character in text) if size != len(text) else size
    return -(-ascii_size // 4) + -(-(size - ascii_size) // 3)


def estimate_max_input(question: CompletionRequest) -> int:
    return sum(
        TOKENS_PER_MESSAGE + _images(one) * TOKENS_PER_IMAGE + estimate_max_tokens(_text(one))
        for one in question.messages
    ) + sum(estimate_max_tokens(_json(part)) for part in _further(question))


def estimate_usage(question: CompletionRequest, answer: str) -> TokenUsage:
    """What an answer may have taken whose server did not say."""
    texts = [_text(one) for one in question.messages] + [_json(part) for part in _further(question)]
    images = sum(_images(one) for one in question.messages)
    tokens = sum(estimate_tokens(text) + TOKENS_PER_MESSAGE // 2 for text in texts) + images * TOKENS_PER_IMAGE // 3
    return TokenUsage(tokens, estimate_tokens(answer), estimated=True)


def estimate_max_cost(question: CompletionRequest, prices: Iterable[TokenPrice]) -> int:
    """In micro-units: the dearest input and the dearest output of the chain, whichever model they are of."""
    every = list(prices)
    dearest = TokenPrice(max(one.input_per_1k for one in every), max(one.output_per_1k for one in every))
    return dearest.calculate_cost(TokenUsage(estimate_max_input(question), question.max_output_tokens))


def _further(question: CompletionRequest) -> list[Any]:
    """What is read as input beside the messages."""
    found: list[Any] = [dict(question.schema.document)] if question.schema else []
    return found + [question.parameters[name] for name in ("tools", "functions") if name in question.parameters]


def _text(message: ChatMessage) -> str:
    content = message.content or ""
    if not isinstance(content, str):
        content = "".join(_json(part) for part in content if not _is_image(part))
    return content + (_json(message.extra_fields) if message.extra_fields else "")


def _images(message: ChatMessage) -> int:
    content = message.content
    return 0 if content is None or isinstance(content, str) else sum(map(_is_image, content))


def _is_image(part: Mapping[str, Any]) -> bool:
    return part.get("type") in {"image_url", "input_image"}


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=dict)
