"""Reconciliation: the hub's books beside what the providers have, every ten minutes and on command.

    events that never came ──> the inbox          intents, refunds, disputes ──> Ledger.settle ──> what remains: a break
    fees beyond the charge ──> the books          small differences ──> written off, once
    suppliers' orders, what stands still, the rules of the books ──> breaks

A break says what differs, on both sides, with a proposal. It is seen again or closed by later runs, or closed by a
person with a note. Each run is repeatable, and what it does to money it does by the same calls as everything else.
"""

from hub.sales.reconciliation.breaks import Breaks
from hub.sales.reconciliation.missed_events import News
from hub.sales.reconciliation.model import Break, Kind, Note, Report
from hub.sales.reconciliation.payment_accounts import Accounts
from hub.sales.reconciliation.repairs import Mending
from hub.sales.reconciliation.run import LastRun, Reconciliation
from hub.sales.reconciliation.stalled import Standing
from hub.sales.reconciliation.supplier_orders import Orders

__all__ = [
    "Accounts",
    "Break",
    "Breaks",
    "Kind",
    "LastRun",
    "Mending",
    "News",
    "Note",
    "Orders",
    "Reconciliation",
    "Report",
    "Standing",
]
