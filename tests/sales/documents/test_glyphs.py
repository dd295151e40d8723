"""Papers without boxes: what the fonts can print, what they cannot, and who is told."""

import io
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader

from hub.cli.doctor import run_checks
from hub.sales.documents import TypstPrinter
from hub.sales.documents.glyphs import SCRIPT_SAMPLES, GlyphCoverage, get_script_name, list_font_files
from hub.settings import Settings
from tests.sales.documents.shop import NOW
from tests.support.running import Running, soon, until

BUNDLED = Path(__file__).parents[3] / "templates" / "documents" / "fonts"
LARGE = {"Chinese", "Japanese", "Hangul", "Emoji"}


def bundled() -> GlyphCoverage:
    return GlyphCoverage(tuple(sorted(path for path in BUNDLED.iterdir() if path.suffix in {".ttf", ".otf"})))


def test_the_fonts_that_come_with_the_hub_print_all_scripts_but_the_large_ones():
    assert set(bundled().list_unprintable_scripts()) == LARGE


def test_with_the_extra_every_script_can_be_printed():
    assert GlyphCoverage(tuple(list_font_files(BUNDLED, None))).list_unprintable_scripts() == []


@pytest.mark.parametrize(
    ("text", "scripts"),
    [
        ("Zoë Åström, Łódź", []),
        ("東京", ["Chinese"]),
        ("ひらがな カタカナ", ["Japanese"]),
        ("서울", ["Hangul"]),
        ("✈️ 😀", ["Emoji"]),
        ("ភាសាខ្មែរ ລາວ မြန်မာ සිංහල తెలుగు ગુજરાતી", []),
        ("a\u200db\ufe0f\u00a0c", []),
    ],
)
def test_missing_scripts_are_named(text: str, scripts: list[str]):
    assert bundled().find_missing_scripts(text) == scripts


def test_an_unlisted_script_is_named_by_unicode():
    assert (get_script_name("ᐃ"), get_script_name("ក"), get_script_name("က")) == ("Canadian", "Khmer", "Burmese")


def test_a_file_that_is_no_font_prints_nothing(tmp_path: Path):
    broken = tmp_path / "broken.ttf"
    broken.write_bytes(b"no font")
    assert GlyphCoverage((broken,)).characters == frozenset()


@pytest.mark.parametrize("script", SCRIPT_SAMPLES)
async def test_text_in_every_script_is_printed_and_can_be_read_back(printer: TypstPrinter, script: str):
    sample = SCRIPT_SAMPLES[script]
    document = {"title": "Receipt", "number": "1", "reference": "R", "sandbox": False, "headline": sample}
    document |= {"seller": {"name": sample, "lines": [sample], "footer": ""}, "buyer": None, "facts": [["a", sample]]}
    document |= {
        "lines": [{"text": sample, "details": [sample], "quantity": None, "amount": "1"}],
        "totals": [["a", "1"]],
    }
    pdf = await printer.print_pdf("receipt", document | {"notes": [sample]}, NOW)
    text = "".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages)
    assert all(character in text for character in sample if script != "Emoji")
    assert await printer.find_missing_scripts(document) == []


async def has_references(running: Running, booking: dict[str, Any]) -> bool:
    return bool((await running.booking(booking))["airline_references"])


async def test_staff_are_told_of_a_paper_with_boxes_and_it_is_the_same_paper_afterwards(
    running: Running, monkeypatch: pytest.MonkeyPatch
):
    await running.register()
    booking = await running.book()
    await running.pay(booking)
    await running.settled(booking)
    await until(lambda: has_references(running, booking))  # a receipt shows them: before and after are two papers

    async def missing(self: TypstPrinter, data: dict[str, Any]) -> list[str]:
        return ["Chinese"]

    monkeypatch.setattr(TypstPrinter, "find_missing_scripts", missing)
    url, send = f"{running.url}/api/bookings/{booking['id']}/receipt.pdf", {"Authorization": f"Bearer {running.token}"}
    papers = []
    for _ in range(2):
        async with running.session.get(url, headers=send) as answer:
            papers.append(await answer.read())
    assert papers[0] == papers[1]
    async with running.db.transaction() as tx:
        rows = await tx.fetch("select detail from attention where kind = 'paper_glyphs_missing'")
    assert {tuple(row["detail"]["scripts"]) for row in rows} == {("Chinese",)}


async def test_staff_are_told_of_a_plan_with_boxes_on_paper(running: Running, monkeypatch: pytest.MonkeyPatch):
    async def missing(self: TypstPrinter, data: dict[str, Any]) -> list[str]:
        return ["Khmer"] if "Malta" in data["destination"] else []

    monkeypatch.setattr(TypstPrinter, "find_missing_scripts", missing)
    await running.register()
    trip = {"destination": "Malta", "start": soon(40).isoformat(), "end": soon(41).isoformat()}
    plan = await running.good("POST", "/api/plan", trip)
    await running.good("PUT", f"/api/user/plans/{plan['id']}/visibility", {"visibility": "public"})
    for path in ("/api/plan", "/plan"):
        async with running.session.get(f"{running.url}{path}/{plan['id']}.pdf") as answer:
            assert (await answer.read()).startswith(b"%PDF")
    async with running.db.transaction() as tx:
        rows = await tx.fetch("select subject, detail from attention where kind = 'paper_glyphs_missing'")
    paper = f"plan-{plan['id']}.pdf"
    assert [(row["subject"], row["detail"]) for row in rows] == [(paper, {"paper": paper, "scripts": ["Khmer"]})]


def test_the_image_has_the_large_fonts_and_papers_use_them():
    image = Path("Dockerfile").read_text()
    assert {"fonts-noto-cjk", "fonts-noto-color-emoji"} <= set(image.split())
    assert "INVOICE_FONTS=/usr/share/fonts" in image


async def test_the_doctor_names_the_scripts_that_cannot_be_printed(dsn: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DATABASE_URL", dsn)
    monkeypatch.setattr("hub.sales.documents.glyphs._PACKAGES", ())
    (fonts,) = [finding for finding in await run_checks(Settings.from_environment()) if finding.subject == "fonts"]
    assert fonts.state == "note"
    assert all(script in fonts.detail for script in LARGE)
