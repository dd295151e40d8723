"""What is put beside plans, and the letter about them, put together."""

from adapters import Adapters
from hub.app.resources import Resources
from hub.core.clock import Ids
from hub.outreach.messaging import PlanFacts
from hub.oversight.audit import Audit
from hub.planning.files.attachments import Attachments, FileStore
from hub.planning.files.sanitizer import Washer
from hub.settings import Settings


def plan_facts(settings: Settings, wired: Adapters) -> PlanFacts:
    """Offers of suppliers that are the sandbox's are made up."""
    made_up = not wired.sandboxed.isdisjoint(wired.suppliers)
    return PlanFacts(settings.own_url, settings.frontend_url, sandbox=made_up)


def attachments(have: Resources, files: FileStore, audit: Audit, ids: Ids) -> Attachments:
    return Attachments(have.db, files, Washer(), audit, have.clock, ids)
