"""Asking language models: a chain of them, inside a budget, with one honest end."""

from hub.planning.completions.budgets import BudgetLimits, UsageBudgets, report_to_json, resolve_report_period
from hub.planning.completions.chain import ModelChain
from hub.planning.completions.errors import (
    AnswerTruncated,
    AnswerUnreadable,
    BudgetExceeded,
    ContentFiltered,
    ContextTooLong,
    NoModelAvailable,
    RequestRejected,
)
from hub.planning.completions.events import (
    AnswerRestarted,
    AnswerStarted,
    Completion,
    CompletionEvent,
    ModelAttempt,
    UsageScope,
)
from hub.planning.completions.health import ModelHealth
from hub.planning.completions.model import (
    AnswerEnd,
    ChatMessage,
    CompletionRequest,
    FinishReason,
    ModelClient,
    OutputSchema,
    Route,
    TextDelta,
    TokenPrice,
    TokenUsage,
    WireFormat,
)
from hub.planning.completions.model_catalog import DEFAULT_CHAIN, ModelCatalog, to_token_price
from hub.planning.completions.service import Completions

__all__ = [
    "DEFAULT_CHAIN",
    "AnswerEnd",
    "AnswerRestarted",
    "AnswerStarted",
    "AnswerTruncated",
    "AnswerUnreadable",
    "BudgetExceeded",
    "BudgetLimits",
    "ChatMessage",
    "Completion",
    "CompletionEvent",
    "CompletionRequest",
    "Completions",
    "ContentFiltered",
    "ContextTooLong",
    "FinishReason",
    "ModelAttempt",
    "ModelCatalog",
    "ModelChain",
    "ModelClient",
    "ModelHealth",
    "NoModelAvailable",
    "OutputSchema",
    "RequestRejected",
    "Route",
    "TextDelta",
    "TokenPrice",
    "TokenUsage",
    "UsageBudgets",
    "UsageScope",
    "WireFormat",
    "report_to_json",
    "resolve_report_period",
    "to_token_price",
]
