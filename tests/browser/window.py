"""A window of a real browser that writes down what it does not like."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from playwright.async_api import Page, Request, async_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
QUIET = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)
_REFUSAL = "Failed to load resource: the server responded with a status of 4"


@asynccontextmanager
async def window(**options: Any) -> AsyncIterator[Page]:
    """Asks no other host for anything, and nothing goes wrong on the console but a page that is a refusal itself."""
    complaints: list[str] = []

    def elsewhere(request: Request) -> None:
        if "//127.0.0.1:" not in request.url and "//localhost:" not in request.url and request.url[:5] != "data:":
            complaints.append(request.url)

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET.split())
        context = await browser.new_context(**options)
        context.on("request", elsewhere)
        context.on("weberror", lambda trouble: complaints.append(str(trouble.error)))
        context.on(
            "console",
            lambda said: (
                complaints.append(said.text) if said.type == "error" and not said.text.startswith(_REFUSAL) else None
            ),
        )
        yield await context.new_page()
        await browser.close()
    assert complaints == []


async def flaws(page: Page) -> list[str]:
    """What keeps somebody from using the page: at 320 and 1280 pixels, by day and by night."""
    found: list[str] = []
    await page.wait_for_load_state()  # the style sheet included
    for scheme in ("light", "dark"):
        for width in (320, 1280):
            await page.set_viewport_size({"width": width, "height": 700})
            await page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            found += [f"{page.url}, {scheme}, {width}: {one}" for one in await page.evaluate(_FLAWS)]
    return found


_FLAWS = """() => {
  const found = [], root = document.documentElement;
  const light = ([r, g, b]) => [r, g, b].map((one) => one / 255)
    .map((one) => one <= 0.03928 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4)
    .reduce((sum, one, at) => sum + one * [0.2126, 0.7152, 0.0722][at], 0);
  const parts = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const behind = (one) => {
    for (; one; one = one.parentElement) {
      const colour = parts(getComputedStyle(one).backgroundColor);
      if (colour.length === 3) return colour;
    }
    return matchMedia("(prefers-color-scheme: dark)").matches ? [18, 18, 18] : [255, 255, 255];
  };
  const contrast = (colour, ground) => {
    const [less, more] = [light(parts(colour)), light(ground)].sort((a, b) => a - b);
    return (more + 0.05) / (less + 0.05);
  };
  if (root.lang !== "en") found.push("no language");
  if (!document.title || document.querySelectorAll("h1").length !== 1) found.push("no title, or not one heading");
  if (root.scrollWidth > innerWidth) found.push("it is wider than the window");
  const seen = (one) => one.getClientRects().length > 0;
  for (const one of [...document.body.querySelectorAll("*")].filter(seen)) {
    const style = getComputedStyle(one), name = `${one.localName} "${one.textContent.trim().slice(0, 30)}"`;
    const own = [...one.childNodes].some((part) => part.nodeType === 3 && part.textContent.trim());
    if (own && contrast(style.color, behind(one)) < 4.5) found.push(`${name} is hard to read`);
    if (style.opacity !== "1") found.push(`${name} is faded`);
    if (one.matches("input, button, .button") && one.offsetHeight < 40) found.push(`${name} is hard to hit`);
    if (!one.matches("input")) continue;
    if (!one.labels.length) found.push(`${one.name} has no label`);
    if (!one.autocomplete) found.push(`${one.name} does not say what it is`);
    if (contrast(style.borderTopColor, behind(one)) < 3) found.push(`${one.name} has no visible border`);
    const told = (one.getAttribute("aria-describedby") ?? "").split(" ").filter(Boolean);
    if (told.some((id) => !document.getElementById(id))) found.push(`${one.name} is described by nothing`);
  }
  return found;
}"""
