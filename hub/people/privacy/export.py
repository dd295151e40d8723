"""All that is kept about one traveller, for themselves."""

import io
import zipfile
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from hub.core.db import Tx, load_queries

SQL = load_queries("privacy")

EXPORT_QUERIES: tuple[tuple[str, str], ...] = (
    ("profile", SQL.export_customers),
    ("sessions", SQL.export_sessions),
    ("devices", SQL.export_devices),
    ("addresses", SQL.export_addresses),
    ("preferences", SQL.export_preferences),
    ("bookings", SQL.export_bookings),
    ("travelers", SQL.export_booking_travelers),
    ("payments", SQL.export_payments),
    ("refunds", SQL.export_refunds),
    ("transactions", SQL.export_transactions),
    ("invoices", SQL.export_invoices),
    ("loyalty", SQL.export_loyalty_entries),
    ("loyalty_totals", SQL.export_customer_stats),
    ("spend", SQL.export_customer_spend),
    ("plans", SQL.export_trip_plans),
    ("plan_versions", SQL.export_plan_versions),
    ("plan_makings", SQL.export_plan_makings),
    ("plan_attachments", SQL.export_plan_attachments),
    ("messages", SQL.export_messages),
    ("activity", SQL.export_audit_logs),
)
"""Every table that travellers can read, and how it is told: a new one is a line here and a query."""

WITHHELD_NOTICE = (
    "Kept and not shown, because whoever read them could act in your name: the hash of your password, the secret and "
    "the recovery codes of your second factor, the marks of your devices, tokens, and the suppliers' own tokens."
)
_PRETTY = orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z


@dataclass(frozen=True, slots=True)
class DataExport:
    """`rows_by_kind` holds rows as plain data: money as {amount, currency} in minor units, times aware."""

    customer_id: UUID
    exported_at: datetime
    rows_by_kind: dict[str, list[dict[str, Any]]]

    def to_json(self) -> bytes:
        """One document. Times are RFC 3339 in UTC."""
        return orjson.dumps(self._head() | {"data": self.rows_by_kind}, _plain, orjson.OPT_UTC_Z)

    def to_zip(self) -> bytes:
        """One JSON file for each kind, and `index.json` that names them. The same export gives the same bytes."""
        files = [
            {"kind": kind, "file": f"{kind}.json", "entries": len(rows)} for kind, rows in self.rows_by_kind.items()
        ]
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            self._put(archive, "index", self._head() | {"files": files})
            for kind, rows in self.rows_by_kind.items():
                self._put(archive, kind, rows)
        return buffer.getvalue()

    def _head(self) -> dict[str, Any]:
        return {"customer_id": self.customer_id, "made_at": self.exported_at, "withheld": WITHHELD_NOTICE}

    def _put(self, archive: zipfile.ZipFile, name: str, content: Any) -> None:
        entry = zipfile.ZipInfo(f"{name}.json", self.exported_at.timetuple()[:6])
        entry.compress_type = zipfile.ZIP_DEFLATED
        archive.writestr(entry, orjson.dumps(content, _plain, _PRETTY))


async def read_personal_data(tx: Tx) -> dict[str, list[dict[str, Any]]]:
    """Everything that the subject of the transaction may see."""
    return {kind: [dict(row) for row in await tx.fetch(query)] for kind, query in EXPORT_QUERIES}


def _plain(value: Any) -> str:
    """The database's UUIDs are of a kind of their own."""
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(type(value).__name__)
