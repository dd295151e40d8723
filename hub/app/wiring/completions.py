"""The chain of language models, with its budgets."""

from decimal import Decimal

import structlog

from adapters import Adapters
from hub.app.resources import Resources
from hub.core.clock import Ids
from hub.planning.completions import Chain, Completions, Health, Limits, Spending
from hub.settings import Mode

MICRO = 1_000_000
log = structlog.get_logger(__name__)


def completions(have: Resources, wired: Adapters, ids: Ids) -> Completions | None:
    """None where language models are switched off."""
    language, section = wired.language, have.settings.openai
    if language is None:
        return None
    if section.resolved is Mode.LIVE and (unpriced := language.menu.unpriced):
        log.warning("models.unpriced", models=unpriced, counted_as="OPENAI_INPUT_PRICE and OPENAI_OUTPUT_PRICE")
    limits = Limits(
        user=_micro(section.user_budget),
        plan=_micro(section.plan_budget),
        everybody=_micro(section.global_budget),
        currency=section.currency,
    )
    health = Health(have.clock, (one.model for one in language.menu.of(None)))
    found = Completions(
        Chain(language.models, health, have.clock, have.chance),
        language.menu,
        Spending(have.db, have.clock, limits),
        ids,
        total=section.total,
    )
    have.closing.push_async_callback(found.close)
    return found


def _micro(amount: Decimal) -> int:
    return int(amount * MICRO)
