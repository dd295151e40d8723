"""Who may see a plan: its traveller, whoever has its link, everybody."""

import hmac
from dataclasses import dataclass
from uuid import UUID

from hub.core.db import Database, Tx
from hub.core.errors import Conflict, NotFound
from hub.people.identity import Caller
from hub.planning.plans.records import PlanRecord, PlanView, PlanVisibility, VersionUsage
from hub.planning.plans.repository import SQL, PlanRepository
from hub.planning.plans.request import fold_text, to_search_query

_TOKEN_BYTES = 16
_SOON = 3
"""Seconds after which it is worth asking again for a plan that is being made."""


@dataclass(frozen=True, slots=True)
class PlanSharing:
    """`caller` None is somebody unknown."""

    db: Database
    repository: PlanRepository

    async def get_plan_view(self, caller: Caller | None, plan_id: UUID, token: str | None = None) -> PlanView:
        """A plan as the caller may see it, in its latest version.

        Raises NotFound for what is not theirs and not shared with them, Conflict `plan_not_ready` where there is no
        version yet.
        """
        subject = caller.id if caller is not None and caller.kind == "customer" else None
        async with self.db.transaction(subject) as tx:
            kept = await self._own(tx, plan_id) if subject is not None else None
            own = kept is not None
            async with tx.as_hub():
                kept = kept or await self._open(tx, plan_id, token)
                _check_begun(kept)
                version = await self.repository.find_version(tx, plan_id, kept.version)
                usage = await self.repository.find_usage(tx, plan_id, kept.version) if own else VersionUsage()
        return PlanView(kept, version, usage, own)

    async def get_shared_view(self, plan_id: UUID, token: str | None) -> PlanView:
        """As whoever has nothing but the address sees it. Raises NotFound."""
        return await self.get_plan_view(None, plan_id, token)

    async def set_visibility(self, caller: Caller, plan_id: UUID, visibility: PlanVisibility) -> PlanRecord:
        """A link is made anew each time that a plan is shared again: the old one is worth nothing then.

        Raises NotFound, or Conflict for a plan that is not ready.
        """
        async with self.db.transaction(caller.id) as tx:
            await self.repository.find_plan(tx, plan_id)
            async with tx.as_hub():
                kept = await self.repository.find_plan(tx, plan_id, lock=True)
                if kept.visibility == visibility:
                    return kept
                if visibility != "private" and kept.status != "ready":
                    raise Conflict("Only a plan that is ready can be shared.", code="plan_not_ready")
                token = self.repository.ids.new_token(_TOKEN_BYTES) if visibility == "link" else None
                row = await tx.fetchrow(SQL.set_visibility, plan_id, visibility, token, self.repository.clock.now())
                await self.repository.record_audit(
                    tx, kept, "plan.visibility_changed", was=kept.visibility, now=visibility
                )
        return kept if row is None else PlanRecord.from_row(row)

    async def list_public_plans(
        self, *, q: str | None, destination: str | None, page: int, page_size: int
    ) -> tuple[list[PlanRecord], int]:
        """The plans that everybody may see, the newest first. All words of `q` stand in the title or destination."""
        asked = (to_search_query(q), fold_text(destination or "") or None)
        async with self.db.transaction() as tx:
            rows = await tx.fetch(SQL.public_page, *asked, page_size, (page - 1) * page_size)
            total = rows[0]["total"] if rows else await tx.fetchval(SQL.public_count, *asked)
        return [PlanRecord.from_row(row) for row in rows], total

    async def _own(self, tx: Tx, plan_id: UUID) -> PlanRecord | None:
        row = await tx.fetchrow(SQL.find, plan_id)
        return PlanRecord.from_row(row) if row else None

    async def _open(self, tx: Tx, plan_id: UUID, token: str | None) -> PlanRecord:
        kept = await self.repository.find_plan(tx, plan_id)
        if kept.status != "ready" or not _is_open(kept, token):
            raise NotFound("There is no such plan.", code="plan_not_found")
        return kept


def _check_begun(kept: PlanRecord) -> None:
    if kept.version == 0:
        text = "The plan is being made." if kept.status == "making" else "The plan could not be made."
        wait = _SOON if kept.status == "making" else None
        raise Conflict(text, code="plan_not_ready", retry_after=wait, plan_status=kept.status, failure=kept.failure)


def _is_open(kept: PlanRecord, token: str | None) -> bool:
    if kept.visibility == "public":
        return True
    if kept.visibility != "link" or kept.share_token is None or token is None:
        return False
    return hmac.compare_digest(kept.share_token.encode(), token.encode())
