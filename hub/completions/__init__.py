"""Asking language models: a chain of them, inside a budget, with one honest end."""

from hub.completions.chain import Chain
from hub.completions.errors import (
    BudgetSpent,
    ContentFiltered,
    ContextTooLong,
    NoModel,
    NotJson,
    QuestionRefused,
    Truncated,
)
from hub.completions.events import Answered, Attempt, Began, Event, Restarted, Spender
from hub.completions.health import Health
from hub.completions.menu import Menu
from hub.completions.model import (
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
from hub.completions.service import Completions
from hub.completions.spending import Limits, Spending

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
