"""A plan is shown from its structure: what models and people have written stays text, whatever it is printed on."""

import io
import re
from html.parser import HTMLParser
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from pypdf import PdfReader

from hub.core.money import Money
from hub.planning.plans.model import Amount, PlanRequest
from hub.planning.plans.rendering import (
    AffiliateTemplates,
    StandardPlanRenderer,
    build_affiliate_links,
    build_filename,
    build_view_model,
)
from hub.planning.plans.rendering.markdown import to_markdown
from hub.planning.plans.rendering.view_model import format_date_range, strip_invisible
from hub.sales.documents.pdf import TypstPrinter
from tests.planning.plans.gallery import LINKS, StoppedClock
from tests.planning.plans.trips import athens, hostile

EVIL = (
    "# Heading", "1. one", "- item", "+ item", "> quote", "---", "===", "```sh", "~~~", "    code", "| a | b |",
    "[Win](https://evil.example.com)", "![x](https://evil.example.com/x.png)", "<script>alert(1)</script>",
    "<https://evil.example.com>", "https://evil.example.com", "www.evil.example.com", "mail ada@example.com",
    "**bold** _em_ ~~no~~ `code`", "&lt;b&gt; &#35;", "[a]: https://evil.example.com", "\\# \\[a](b)", "a\n# b\n\n- c",
    "\u202eevil\u202c", "$x$", '" onclick="x', "{{ 7 * 7 }} {% raw %}", '#panic("x") #read("/etc/passwd") $ @a',
)  # fmt: skip
PLAN_ID = UUID(int=7)
GITHUB = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


def markup(text: str) -> list[str]:
    """What a reader makes of it beyond words and line breaks."""
    found: list[str] = []
    for block in GITHUB.parse(text):
        found.append(block.type)
        found += [one.type for one in block.children or []]
    return [one for one in found if one not in {"text", "inline", "softbreak", "text_special"}]


class Tags(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(" ".join([tag, *(name for name, _ in attrs)]))

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def faces(printer: TypstPrinter) -> StandardPlanRenderer:
    return StandardPlanRenderer(printer, StoppedClock(), LINKS)


async def pdf_text(faces: StandardPlanRenderer, plan: Any) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(await faces.render_pdf(plan, PLAN_ID))).pages)


def test_the_markdown_of_a_plan(faces: StandardPlanRenderer):
    text = faces.render_markdown(athens())
    for line in (
        "# Three winter days in Athens", "## Tuesday, 1 December 2026: Arrival and Plaka",
        "- **07:10 UTC+0 to 12:55** Flight: London to Athens (480.00 EUR)",
        "  - **Please check:** Benaki Museum is closed on Tuesdays",
        "> **Please check:** The afternoon has no plan yet", "- **12:30 to 14:00** Free time: National Garden (free)",
        "| **Total** | **724.00 EUR** |",
        "| Food (and 1 of unknown cost) | 0.00 EUR |", "| Left | 76.00 EUR |", "- Shoes for marble steps",
    ):  # fmt: skip
        assert line in text.splitlines()
    assert "*We may earn a commission" in text
    assert "Made by gpt-sandbox, an AI model" in text


@pytest.mark.parametrize("evil", EVIL)
def test_no_text_makes_markup_in_markdown(evil: str):
    assert markup(to_markdown(hostile(evil))) == markup(to_markdown(hostile("harmless")))


@given(text=st.text(alphabet=st.sampled_from("#*_`~[]()<>!|\\-+=>&1. \n\tawm:/@$ö"), min_size=1, max_size=40))
@settings(max_examples=150, deadline=None)
def test_no_mixture_makes_markup_in_markdown(text: str):
    plan = hostile(text)
    if strip_invisible(text):
        assert markup(to_markdown(plan)) == markup(to_markdown(hostile("harmless")))


def test_bare_addresses_do_not_become_links_where_readers_look_for_them():
    text = to_markdown(hostile("https://evil.example.com www.evil.example.com ada@example.com"))
    assert re.search(r"https?://|www\.|\w@\w", text) is None


@pytest.mark.parametrize("evil", EVIL)
def test_no_text_makes_markup_in_html(faces: StandardPlanRenderer, evil: str):
    page, harmless = Tags(faces.render_html(hostile(evil))), Tags(faces.render_html(hostile("harmless")))
    assert page.tags == harmless.tags
    assert strip_invisible(evil) in page.text


def test_the_html_is_one_article_with_one_heading_and_no_script(faces: StandardPlanRenderer):
    page = faces.render_html(athens())
    tags = [one.split()[0] for one in Tags(page).tags]
    assert (tags.count("h1"), tags[0], {"script", "style", "img", "iframe"} & set(tags)) == (1, "article", set())
    assert "style=" not in page
    for words in ("Please check:", "Benaki Museum is closed on Tuesdays", "We may earn a commission", "76.00 EUR"):
        assert words in page


@pytest.mark.parametrize("evil", EVIL)
async def test_no_text_is_obeyed_on_paper(faces: StandardPlanRenderer, evil: str):
    text = await pdf_text(faces, hostile(evil))
    words = [one for one in re.findall(r"[A-Za-z]{3,}", strip_invisible(evil)) if one.isascii()]
    assert [one for one in words if one not in text.replace("\n", "")] == []


async def test_the_paper_of_a_plan(faces: StandardPlanRenderer):
    text = await pdf_text(faces, athens())
    for words in (
        "Three winter days in Athens", "1 to 3 December 2026", "Arrival and Plaka", "Please check:", "724.00 EUR",
        "A warm jacket", "Museums close early", "Page 1 of 2", "Places to stay in Athens", "We may earn a commission",
    ):  # fmt: skip
        assert words in text
    found = PdfReader(io.BytesIO(await faces.render_pdf(athens(), PLAN_ID)))
    assert (found.metadata and found.metadata.title) == "Three winter days in Athens"


async def test_the_same_plan_is_the_same_paper(faces: StandardPlanRenderer):
    assert await faces.render_pdf(athens(), PLAN_ID) == await faces.render_pdf(athens(), PLAN_ID)


def test_a_plan_over_its_budget_says_by_how_much(faces: StandardPlanRenderer):
    plan = athens()
    plan.budget.limit = 70_000
    assert "| **Over** | **24.00 EUR** |" in faces.render_markdown(plan)
    assert "Over your budget" in faces.render_html(plan)


def test_sandbox_data_is_called_so_on_every_face(printer: TypstPrinter):
    faces = StandardPlanRenderer(printer, StoppedClock(), sandbox=True)
    assert "test data" in faces.render_markdown(athens())
    assert "test data" in faces.render_html(athens())


def test_the_built_in_planner_is_not_passed_off_as_a_model(faces: StandardPlanRenderer):
    text = faces.render_markdown(athens(planner="built-in"))
    assert "without a language model" in text
    assert "AI model" not in text


def test_what_nobody_knows_the_price_of_is_not_free(faces: StandardPlanRenderer):
    items = {one["id"]: one for day in build_view_model(athens())["days"] for one in day["items"]}
    assert (items["d1-3"]["cost"], items["d1-3"]["free"]) == (None, False)
    assert (items["d2-2"]["cost"], items["d2-2"]["free"]) == (None, True)


def test_money_has_the_decimals_of_its_currency(faces: StandardPlanRenderer):
    plan = athens()
    plan.budget.currency = "JPY"
    plan.days[0].items[0].cost = Amount.from_money(Money(48_000, "JPY"))
    assert "(48,000 JPY)" in faces.render_markdown(plan)


def test_spans_are_said_as_people_say_them():
    days = [one.date for one in athens().days]
    assert format_date_range(days) == "1 to 3 December 2026"
    assert format_date_range([days[0]]) == "1 December 2026"
    assert format_date_range([days[0].replace(month=11, day=30), days[0]]) == "30 November to 1 December 2026"
    assert format_date_range([days[0], days[0].replace(year=2027)]) == "1 December 2026 to 1 December 2027"


def test_affiliate_links_are_filled_encoded_and_disclosed(faces: StandardPlanRenderer):
    plan = athens(destination="São Tomé & Príncipe/../?x=#")
    request = PlanRequest("x", plan.days[0].date, plan.days[-1].date, adults=2)
    hotels, tours = faces.list_affiliate_links(plan, request)
    place = "S%C3%A3o%20Tom%C3%A9%20%26%20Pr%C3%ADncipe%2F..%2F%3Fx%3D%23"
    assert hotels.url == f"https://hotels.example.com/search?ss={place}&from=2026-12-01&to=2026-12-03&adults=2"
    assert tours.url == f"https://tours.example.com/GR/{place}"
    assert "commission" in hotels.disclosure


@given(place=st.text(max_size=60))
def test_no_destination_leads_a_link_elsewhere(place: str):
    plan = athens(destination=place)
    given_addresses = AffiliateTemplates({"hotels": "https://hotels.example.com/{destination}"})
    (link,) = build_affiliate_links(plan, given_addresses)
    assert re.fullmatch(r"https://hotels\.example\.com/[A-Za-z0-9%._~-]*", link.url)


@pytest.mark.parametrize("address", ["http://x.example.com/{destination}", "https://{destination}/", "javascript:x"])
def test_an_address_that_could_lead_elsewhere_makes_no_link(address: str):
    assert build_affiliate_links(athens(), AffiliateTemplates({"tours": address})) == []


def test_names_of_files_are_plain():
    assert build_filename(athens(), "pdf") == "athens-2026-12-01.pdf"
    assert build_filename(athens(destination='../"\r\nSet-Cookie: x'), "md") == "set-cookie-x-2026-12-01.md"
    assert build_filename(athens(destination="東京", days=[]), "ics") == "trip.ics"


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(min_size=1, max_size=120))
async def test_any_text_can_be_printed(faces: StandardPlanRenderer, text: str):
    assert (await faces.render_pdf(hostile(text), PLAN_ID)).startswith(b"%PDF")
    assert faces.render_html(hostile(text)).startswith("<article")
    assert faces.render_markdown(hostile(text)).endswith("\n")
