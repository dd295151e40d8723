"""Tokens by the rule of thumb: four characters each. The same text always costs the same, streamed or not."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

CHARACTERS_PER_TOKEN = 4
"""Characters of a token."""
TOKENS_PER_MESSAGE = 3
"""Tokens that a message costs beside its text."""


@dataclass(frozen=True, slots=True)
class TokenUsage:
    """Tokens. `output` has `reasoning` within it, as `input` has `cached`."""

    input: int
    output: int
    reasoning: int = 0
    cached: int = 0

    @property
    def total(self) -> int:
        return self.input + self.output

    def to_response_usage(self) -> dict[str, Any]:
        return {
            "input_tokens": self.input,
            "input_tokens_details": {"cached_tokens": self.cached, "cache_write_tokens": 0},
            "output_tokens": self.output,
            "output_tokens_details": {"reasoning_tokens": self.reasoning},
            "total_tokens": self.total,
        }

    def to_chat_usage(self) -> dict[str, Any]:
        return {
            "prompt_tokens": self.input,
            "completion_tokens": self.output,
            "total_tokens": self.total,
            "prompt_tokens_details": {"cached_tokens": self.cached, "audio_tokens": 0},
            "completion_tokens_details": {
                "reasoning_tokens": self.reasoning,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        }


def count_tokens(text: str) -> int:
    return -(-len(text) // CHARACTERS_PER_TOKEN)


def count_input_tokens(texts: Iterable[str], schema: Any) -> int:
    """Messages, and the schema that the model is held to."""
    counted = sum(count_tokens(one) + TOKENS_PER_MESSAGE for one in texts)
    return counted + (count_tokens(json.dumps(schema, separators=(",", ":"))) if schema is not None else 0)


def cut_text(text: str, most: int) -> str:
    """The first `most` tokens."""
    return text[: most * CHARACTERS_PER_TOKEN]


def split_text(text: str, size: int) -> Iterator[str]:
    """`size` tokens each, as a stream carries them."""
    step = size * CHARACTERS_PER_TOKEN
    return (text[at : at + step] for at in range(0, len(text), step))
