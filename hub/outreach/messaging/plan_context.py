"""What the letter about a trip plan speaks of."""

from dataclasses import dataclass
from typing import Any

from hub.core.db import Tx, load_queries
from hub.outreach.messaging.model import Attachment, Message
from hub.outreach.messaging.unsendable import Unsendable
from hub.planning.plans import Plan, build_filename, build_view_model, to_ics

SQL = load_queries("messaging")
PLAN_READY = "plan_ready"


@dataclass(frozen=True, slots=True)
class PlanMessageContexts:
    """`public_url` is the hub's own, `frontend_url` the product's, where it has one.

    `sandbox`: the offers in plans are made up.
    """

    public_url: str
    frontend_url: str | None = None
    sandbox: bool = False

    async def build_context(self, tx: Tx, message: Message) -> dict[str, Any]:
        """The plan as it is now, with a calendar file of it. Raises Unsendable for one that is gone."""
        row = await tx.fetchrow(SQL.plan_about, message.plan_id)
        if row is None:
            raise Unsendable("plan_gone")
        plan = Plan.model_validate(row["document"])
        calendar = to_ics(plan, row["id"], message.created_at, version=row["version"])
        return {
            "it": build_view_model(plan, sandbox=self.sandbox),
            "customer": {"name": row["name"]},
            "link": self._link(row),
            "attachments": (Attachment(build_filename(plan, "ics"), "text/calendar", calendar),),
        }

    def _link(self, row: Any) -> str:
        """Where it can be seen: at the frontend, else on the hub's own page, which asks the owner to sign in."""
        if self.frontend_url:
            return f"{self.frontend_url.rstrip('/')}/plan/{row['id']}"
        token = f"?t={row['share_token']}" if row["visibility"] == "link" else ""
        return f"{self.public_url}/plan/{row['id']}{token}"
