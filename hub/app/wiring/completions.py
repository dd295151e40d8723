"""The chain of language models, with its budgets."""

from decimal import Decimal

import structlog

from adapters import Adapters
from hub.app.resources import Resources
from hub.core.clock import IdGenerator
from hub.planning.completions import BudgetLimits, Completions, ModelChain, ModelHealth, UsageBudgets
from hub.settings import ProviderMode

MICRO = 1_000_000
log = structlog.get_logger(__name__)


def build_completions(have: Resources, wired: Adapters, ids: IdGenerator) -> Completions | None:
    """None where language models are switched off."""
    language, section = wired.language_models, have.settings.openai
    if language is None:
        return None
    if section.resolved_mode is ProviderMode.LIVE and (unpriced := language.catalog.unpriced_models):
        log.warning("models.unpriced", models=unpriced, counted_as="OPENAI_INPUT_PRICE and OPENAI_OUTPUT_PRICE")
    limits = BudgetLimits(
        user=_micro(section.user_budget),
        plan=_micro(section.plan_budget),
        everybody=_micro(section.global_budget),
        currency=section.currency,
    )
    health = ModelHealth(have.clock, (one.model for one in language.catalog.resolve_routes(None)))
    found = Completions(
        ModelChain(language.models, health, have.clock, have.rng),
        language.catalog,
        UsageBudgets(have.db, have.clock, limits),
        ids,
        total_timeout=section.total,
    )
    have.exit_stack.push_async_callback(found.close)
    return found


def _micro(amount: Decimal) -> int:
    return int(amount * MICRO)
