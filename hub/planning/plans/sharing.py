"""Who may see a plan: its traveller, whoever has its link, everybody."""

import hmac
from dataclasses import dataclass
from uuid import UUID

from hub.core.db import Database, Tx
from hub.core.errors import Conflict, NotFound
from hub.people.identity import Caller
from hub.planning.plans.records import Kept, Shown, Usage, Visibility
from hub.planning.plans.repository import SQL, Store
from hub.planning.plans.request import fold, words_asked

_TOKEN_BYTES = 16
_SOON = 3
"""Seconds after which it is worth asking again for a plan that is being made."""


@dataclass(frozen=True, slots=True)
class Sharing:
    """`caller` None is somebody unknown."""

    db: Database
    store: Store

    async def show(self, caller: Caller | None, plan_id: UUID, token: str | None = None) -> Shown:
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
                version = await self.store.version(tx, plan_id, kept.version)
                usage = await self.store.usage(tx, plan_id, kept.version) if own else Usage()
        return Shown(kept, version, usage, own)

    async def shared(self, plan_id: UUID, token: str | None) -> Shown:
        """As whoever has nothing but the address sees it. Raises NotFound."""
        return await self.show(None, plan_id, token)

    async def set_visibility(self, caller: Caller, plan_id: UUID, visibility: Visibility) -> Kept:
        """A link is made anew each time that a plan is shared again: the old one is worth nothing then.

        Raises NotFound, or Conflict for a plan that is not ready.
        """
        async with self.db.transaction(caller.id) as tx:
            await self.store.find(tx, plan_id)
            async with tx.as_hub():
                kept = await self.store.find(tx, plan_id, lock=True)
                if kept.visibility == visibility:
                    return kept
                if visibility != "private" and kept.status != "ready":
                    raise Conflict("Only a plan that is ready can be shared.", code="plan_not_ready")
                token = self.store.ids.token(_TOKEN_BYTES) if visibility == "link" else None
                row = await tx.fetchrow(SQL.set_visibility, plan_id, visibility, token, self.store.clock.now())
                await self.store.record(tx, kept, "plan.visibility_changed", was=kept.visibility, now=visibility)
        return kept if row is None else Kept.from_row(row)

    async def public(
        self, *, q: str | None, destination: str | None, page: int, page_size: int
    ) -> tuple[list[Kept], int]:
        """The plans that everybody may see, the newest first. All words of `q` stand in the title or destination."""
        asked = (words_asked(q), fold(destination or "") or None)
        async with self.db.transaction() as tx:
            rows = await tx.fetch(SQL.public_page, *asked, page_size, (page - 1) * page_size)
            total = rows[0]["total"] if rows else await tx.fetchval(SQL.public_count, *asked)
        return [Kept.from_row(row) for row in rows], total

    async def _own(self, tx: Tx, plan_id: UUID) -> Kept | None:
        row = await tx.fetchrow(SQL.find, plan_id)
        return Kept.from_row(row) if row else None

    async def _open(self, tx: Tx, plan_id: UUID, token: str | None) -> Kept:
        kept = await self.store.find(tx, plan_id)
        if kept.status != "ready" or not _is_open(kept, token):
            raise NotFound("There is no such plan.", code="plan_not_found")
        return kept


def _check_begun(kept: Kept) -> None:
    if kept.version == 0:
        text = "The plan is being made." if kept.status == "making" else "The plan could not be made."
        wait = _SOON if kept.status == "making" else None
        raise Conflict(text, code="plan_not_ready", retry_after=wait, plan_status=kept.status, failure=kept.failure)


def _is_open(kept: Kept, token: str | None) -> bool:
    if kept.visibility == "public":
        return True
    if kept.visibility != "link" or kept.share_token is None or token is None:
        return False
    return hmac.compare_digest(kept.share_token.encode(), token.encode())
