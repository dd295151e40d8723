"""Kiwi's rules for the passengers of an order: what check_flights says of one, and what holds for all. Pure."""

from typing import Any

from hub.supply.flights import AgeRules, DocumentNeed, DocumentRules, Requirements

_NEEDS: dict[int, DocumentNeed] = {0: "none", 1: "optional", 2: "required"}


def read_requirements(document: dict[str, Any]) -> Requirements:
    """From the answer of check_flights. What it does not say is the usual rule."""
    options, thresholds = document.get("document_options"), document.get("age_category_thresholds")
    need = options.get("document_need") if isinstance(options, dict) else None
    ages = thresholds if isinstance(thresholds, dict) else {}
    usual = AgeRules()
    return Requirements(
        document=DocumentRules(need=_NEEDS.get(need, "optional") if isinstance(need, int) else "optional"),
        ages=AgeRules(
            child_from=_years(ages.get("child"), usual.child_from) or usual.child_from,
            adult_from=_years(ages.get("adult"), usual.adult_from) or usual.adult_from,
            alone_from=_years(document.get("adult_threshold"), None),
        ),
    )


def _years(value: Any, default: int | None) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 120 else default  # noqa: PLR2004
