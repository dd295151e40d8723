"""Reconciliation: the hub's books beside what the providers have, every ten minutes and on command.

    events that never came ──> the inbox          intents, refunds, disputes ──> Ledger.settle ──> what remains: a break
    fees beyond the charge ──> the books          small differences ──> written off, once
    suppliers' orders, what stands still, the rules of the books ──> breaks

A break says what differs, on both sides, with a proposal. It is seen again or closed by later runs, or closed by a
person with a note. Each run is repeatable, and what it does to money it does by the same calls as everything else.
"""

from hub.reconcile.accounts import Accounts
from hub.reconcile.breaks import Breaks
from hub.reconcile.mending import Mending
from hub.reconcile.model import Break, Kind, Note, Report
from hub.reconcile.news import News
from hub.reconcile.orders import Orders
from hub.reconcile.run import LastRun, Reconciliation
from hub.reconcile.standing import Standing

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
