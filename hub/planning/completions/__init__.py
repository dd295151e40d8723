"""Asking language models: a chain of them, inside a budget, with one honest end."""

from hub.planning.completions.budgets import Limits, Spending
from hub.planning.completions.chain import Chain
from hub.planning.completions.errors import (
    BudgetSpent,
    ContentFiltered,
    ContextTooLong,
    NoModel,
    NotJson,
    QuestionRefused,
    Truncated,
)
from hub.planning.completions.events import Answered, Attempt, Began, Event, Restarted, Spender
from hub.planning.completions.health import Health
from hub.planning.completions.model import (
    Delta,
    Finish,
    Finished,
    Message,
    Models,
    Price,
    Question,
    Route,
    Schema,
    Usage,
    Wire,
)
from hub.planning.completions.model_catalog import Menu
from hub.planning.completions.service import Completions

__all__ = [
    "Answered",
    "Attempt",
    "Began",
    "BudgetSpent",
    "Chain",
    "Completions",
    "ContentFiltered",
    "ContextTooLong",
    "Delta",
    "Event",
    "Finish",
    "Finished",
    "Health",
    "Limits",
    "Menu",
    "Message",
    "Models",
    "NoModel",
    "NotJson",
    "Price",
    "Question",
    "QuestionRefused",
    "Restarted",
    "Route",
    "Schema",
    "Spender",
    "Spending",
    "Truncated",
    "Usage",
    "Wire",
]
