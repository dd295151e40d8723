"""What is put beside a plan: whose it is, how much of it, and that no file outlives its plan."""

import asyncio
import io
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from aiohttp import FormData, MultipartWriter, web
from aiohttp.test_utils import TestClient, TestServer

from adapters.files import LocalFileStore
from hub.core.clock import IdGenerator, SystemClock
from hub.core.db import Database
from hub.core.errors import ProviderError, ProviderTransient
from hub.core.metrics import HttpMetrics, new_registry
from hub.oversight.audit import AuditLog
from hub.people.identity import Caller
from hub.planning.files import attachments as noun
from hub.planning.files.attachments import Attachments, sanitize_filename
from hub.planning.files.sanitizer import FileSanitizer
from routes.traveler.attachments import AttachmentRoutes
from routes.web.access import AccessGate
from routes.web.api import ApiRouter
from routes.web.middleware import EdgeMiddleware, RequestDrain
from tests.planning.files import uploads

Client = TestClient[web.Request, web.Application]
ADA, BEN = UUID(int=0xADA), UUID(int=0xBE)
NOW = datetime.fromisoformat("2026-11-21T12:00:00Z")


@dataclass
class Tomorrow(SystemClock):
    ahead: timedelta = timedelta(0)

    def now(self) -> datetime:
        return super().now() + self.ahead


@dataclass
class Files(LocalFileStore):
    """A directory that can be away."""

    root: Path
    trouble: list[ProviderError] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(self.root)

    def held(self) -> list[str]:
        return sorted(str(one.relative_to(self.root)) for one in self.root.rglob("*") if one.is_file())

    async def put_file(self, key: str, content: bytes, content_type: str) -> None:
        self._maybe()
        await super().put_file(key, content, content_type)

    async def delete_file(self, key: str) -> None:
        self._maybe()
        await super().delete_file(key)

    def _maybe(self) -> None:
        if self.trouble:
            raise self.trouble.pop(0)


@dataclass
class House:
    db: Database
    files: Files
    clock: Tomorrow
    attachments: Attachments
    client: Client

    async def plan(self, who: UUID = ADA, visibility: str = "private") -> UUID:
        number, token = uuid4(), "t0ken" if visibility == "link" else None
        columns = "id, customer_id, status, visibility, share_token, version, title, destination, place, words"
        more = "starts_on, ends_on, request, created_at, updated_at"
        async with self.db.transaction() as tx:
            await tx.execute(
                f"insert into trip_plans ({columns}, {more}) values ($1, $2, 'ready', $3, $4, 1, 'A', 'B', 'c', 'd', "
                "'2026-12-01', '2026-12-03', '{}', $5, $5)",
                number, who, visibility, token, NOW,
            )  # fmt: skip
        return number

    async def sql(self, query: str, *values: Any) -> Any:
        async with self.db.transaction() as tx:
            return await tx.fetchval(query, *values)

    async def call(self, method: str, path: str, who: str | None = "ada", data: Any = None) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {who}"} if who else {}
        async with self.client.request(method, path, data=data, headers=headers) as answer:
            if answer.content_type.endswith("json"):
                return answer.status, await answer.json(content_type=None)
            return answer.status, await answer.read()

    async def upload(self, plan: UUID, content: bytes, name: str = "ticket.pdf", who: str = "ada") -> tuple[int, Any]:
        form = FormData()
        form.add_field("comment", "a field of no use")
        form.add_field("file", io.BytesIO(content), filename=name, content_type="application/x-whatever")
        return await self.call("POST", f"/api/plan/{plan}/attachments", who, form)


async def authenticate(token: str) -> Caller:
    who = {"ada": ADA, "ben": BEN}[token]
    return Caller(who, who)


@pytest.fixture
async def house(db: Database, tmp_path: Path) -> AsyncIterator[House]:
    async with db.transaction() as tx:
        for who, name in ((ADA, "Ada"), (BEN, "Ben")):
            query = "insert into customers (id, email, name, created_at) values ($1, $2, $3, $4)"
            await tx.execute(query, who, f"{name}@example.com", name, NOW)
    files, clock, metrics = Files(tmp_path / "files"), Tomorrow(), HttpMetrics(new_registry())
    found = Attachments(db, files, FileSanitizer(), AuditLog(clock), clock, IdGenerator(clock))
    api, app = ApiRouter(), web.Application()
    api.add_endpoints(AttachmentRoutes(found))
    api.install_routes(app, AccessGate(authenticate, clock, metrics=metrics))
    EdgeMiddleware(clock, IdGenerator(clock), metrics, RequestDrain()).install_middleware(app)
    async with TestClient(TestServer(app)) as client:
        yield House(db, files, clock, found, client)


async def test_a_ticket_is_put_beside_a_plan_seen_and_taken_away(house: House):
    plan = await house.plan()
    status, ticket = await house.upload(plan, uploads.pdf(2), r"C:\Ada\Boarding pass.PDF.exe")
    assert (status, ticket["name"], ticket["content_type"], ticket["pages"]) == (
        201, "Boarding pass.PDF.pdf", "application/pdf", 2,
    )  # fmt: skip
    assert (await house.call("GET", f"/api/plan/{plan}/attachments"))[1]["items"] == [ticket]
    status, content = await house.call("GET", ticket["url"])
    assert (status, len(content), content[:5]) == (200, ticket["size"], b"%PDF-")
    assert (await house.call("DELETE", ticket["url"]))[0] == 204
    assert (await house.call("GET", ticket["url"]))[0] == 404
    await house.attachments.delete_orphaned_files()
    assert (house.files.held(), await house.sql("select count(*) from discarded_files")) == ([], 0)
    actions = await house.sql("select array_agg(action order by id) from audit_logs")
    assert actions == ["attachment.added", "attachment.removed"]


async def test_a_file_is_saved_and_never_shown_as_a_page(house: House):
    plan = await house.plan()
    _, one = await house.upload(plan, uploads.photograph(), 'Grüße " 東京.jpg')
    async with house.client.get(one["url"], headers={"Authorization": "Bearer ada"}) as answer:
        headers = answer.headers
    quoted = "Gr%C3%BC%C3%9Fe%20%20%E6%9D%B1%E4%BA%AC.jpg"
    assert headers["Content-Disposition"].startswith('attachment; filename="Gr__e')
    assert headers["Content-Disposition"].endswith(f"filename*=UTF-8''{quoted}")
    assert headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert (headers["X-Content-Type-Options"], headers["Content-Type"]) == ("nosniff", "image/jpeg")


@pytest.mark.parametrize(
    ("visibility", "query", "may_see"),
    [
        ("private", "", False), ("private", "?t=t0ken", False), ("link", "", False), ("link", "?t=wrong", False),
        ("link", "?t=t0ken", True), ("public", "", False),
    ],
)  # fmt: skip
@pytest.mark.parametrize("who", [None, "ben"])
async def test_who_has_the_link_sees_what_is_beside_a_plan_and_the_public_does_not(
    house: House, visibility: str, query: str, who: str | None, *, may_see: bool
):
    plan = await house.plan(visibility=visibility)
    _, one = await house.upload(plan, uploads.picture())
    for path in (f"/api/plan/{plan}/attachments", one["url"]):
        assert (await house.call("GET", path + query, who))[0] == (200 if may_see else 404)


async def test_nobody_else_puts_or_takes_away(house: House):
    plan = await house.plan(visibility="public")
    _, one = await house.upload(plan, uploads.picture())
    assert (await house.upload(plan, uploads.picture(), who="ben"))[0] == 404
    assert (await house.call("DELETE", one["url"], "ben"))[0] == 404
    assert (await house.call("DELETE", one["url"], None))[0] == 401
    other = await house.plan()
    assert (await house.call("GET", f"/api/plan/{other}/attachments/{one['id']}"))[0] == 404


async def test_the_same_file_again_is_the_one_that_is_there(house: House):
    plan = await house.plan()
    found = await asyncio.gather(*(house.upload(plan, uploads.picture(), f"{n}.jpg") for n in range(4)))
    assert len({one["id"] for _, one in found}) == 1
    house.clock.ahead = timedelta(hours=2)
    await house.attachments.delete_orphaned_files()
    assert len(house.files.held()) == 1
    assert (await house.call("GET", found[0][1]["url"]))[0] == 200


async def test_a_plan_has_room_for_so_many(house: House, monkeypatch: pytest.MonkeyPatch):
    """Also when they come at the same time."""
    monkeypatch.setattr(noun, "MAX_ATTACHMENTS", 2)
    plan = await house.plan()
    found = await asyncio.gather(*(house.upload(plan, uploads.picture(size=(10 + n, 10))) for n in range(4)))
    assert sorted(status for status, _ in found) == [201, 201, 409, 409]
    assert {one["code"] for status, one in found if status == 409} == {"too_many_attachments"}
    house.clock.ahead = timedelta(hours=2)
    await house.attachments.delete_orphaned_files()
    assert len(house.files.held()) == 2


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"<html><script>alert(1)</script>", "unsupported_file"), (b"", "unsupported_file"),
        (uploads.bomb(), "too_many_pixels"), (uploads.pdf(1, password="x"), "locked_file"),
    ],
)  # fmt: skip
async def test_what_cannot_be_taken_is_refused_with_a_reason(house: House, content: bytes, code: str):
    status, found = await house.upload(await house.plan(), content, "innocent.jpg")
    assert (status, [(one["pointer"], one["code"]) for one in found["errors"]]) == (422, [("/file", code)])
    assert await house.sql("select count(*) from discarded_files") == 0


async def test_a_file_that_is_too_large_is_not_taken_in(house: House, monkeypatch: pytest.MonkeyPatch):
    """Whether it says so beforehand or not."""
    plan = await house.plan()
    status, found = await house.upload(plan, b"\xff" * (noun.MAX_UPLOAD_BYTES + 1))
    assert (status, found["code"]) == (413, "too_large")
    monkeypatch.setattr(noun, "MAX_UPLOAD_BYTES", 1000)
    status, found = await house.upload(plan, b"\xff" * 200_000)
    assert (status, found["code"]) == (413, "too_large")


async def test_what_is_no_form_is_refused(house: House):
    path = f"/api/plan/{await house.plan()}/attachments"
    assert (await house.call("POST", path, data=b"%PDF-"))[1]["code"] == "not_a_form"
    empty = FormData({"comment": "x"}, default_to_multipart=True)
    assert (await house.call("POST", path, data=empty))[1]["code"] == "file_missing"
    nested = MultipartWriter("form-data")
    nested.append(MultipartWriter("mixed"))
    assert (await house.call("POST", path, data=nested))[0] == 400
    headers = {"Authorization": "Bearer ada", "Content-Type": "multipart/form-data; boundary=x"}
    for body in (b"", b"--x\r\n", b"--x\r\nContent-Disposition: form-data; name=file\r\n\r\nabc", b"\0" * 5000):
        async with house.client.post(path, data=body, headers=headers) as answer:
            assert answer.status == 400
    async with house.client.post(path, data=b"x", headers=headers | {"Content-Type": "multipart/form-data"}) as answer:
        assert answer.status == 400


async def test_an_upload_that_died_leaves_no_file(house: House):
    """It was stored, and then nobody was left to write it down."""
    plan = await house.plan()
    house.files.trouble.append(ProviderTransient("files"))
    assert (await house.upload(plan, uploads.picture()))[0] == 503
    key = await house.sql("select key from discarded_files")
    await house.files.put_file(key, b"half of it", "image/jpeg")
    await house.attachments.delete_orphaned_files()
    assert len(house.files.held()) == 1
    house.clock.ahead = timedelta(hours=2)
    await house.attachments.delete_orphaned_files()
    assert house.files.held() == []


@pytest.mark.parametrize("end", ["delete from trip_plans", "delete from customers where name = 'Ada'"])
async def test_files_end_with_their_plan_and_their_owner(house: House, end: str):
    """Even while the store is away: they are removed when it is back."""
    await house.upload(await house.plan(), uploads.picture())
    await house.upload(await house.plan(), uploads.pdf())
    await house.sql("delete from audit_logs")
    await house.sql(end)
    house.files.trouble.append(ProviderTransient("files"))
    await house.attachments.delete_orphaned_files()
    assert len(house.files.held()) == 1
    house.clock.ahead = timedelta(minutes=11)
    await house.attachments.delete_orphaned_files()
    assert (house.files.held(), await house.sql("select count(*) from discarded_files")) == ([], 0)


async def test_a_file_that_was_changed_behind_our_back_is_not_given_out(house: House):
    plan = await house.plan()
    _, one = await house.upload(plan, uploads.picture())
    (key,) = house.files.held()
    (house.files.root / key).write_bytes(b"something else")
    assert (await house.call("GET", one["url"]))[0] == 502


async def test_travellers_read_their_own_rows_alone(house: House):
    await house.upload(await house.plan(), uploads.picture())
    counts = []
    for who in (ADA, BEN):
        async with house.db.transaction(who) as tx:
            counts.append(await tx.fetchval("select count(*) from plan_attachments"))
    assert counts == [1, 0]


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("ticket.pdf", "ticket.png"), ("../../etc/passwd", "passwd.png"), (r"C:\x\y.JPEG", "y.png"),
        ("", "attachment.png"), ("..", "attachment.png"), (".htaccess", "htaccess.png"),
        ("a\r\nSet-Cookie: b", "a Set-Cookie b.png"),
        ("\u202egnp.exe", "gnp.png"), ("x" * 500, f"{'x' * 100}.png"), ("東京.webp", "東京.png"),
    ],
)  # fmt: skip
def test_names_are_made_harmless(name: str, clean: str):
    assert sanitize_filename(name, "png") == clean
