"""From plain data to a PDF, by typst, in a thread of its own."""

import asyncio
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import datetime
from functools import partial
from importlib.resources import as_file, files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import orjson

from hub.sales.documents.glyphs import GlyphCoverage, iterate_texts, link_or_copy, list_font_files

DocumentTemplate = Literal["receipt", "invoice", "credit_note", "reversal", "plan"]

_TURNS_TEXT_AROUND = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class TypstPrinter:
    """`templates/documents/<template>.typ`, with the fonts of `hub.sales.documents.glyphs.font_files`, and no others.

    The same data gives the same bytes. What people have typed is data to the template and never its language. Whoever
    makes a printer closes it.
    """

    def __init__(self, fonts: Path | None = None) -> None:
        self._fonts = fonts
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="printer")
        self._files = ExitStack()
        self._compiler: Any = None

    async def print_pdf(self, template: DocumentTemplate, data: dict[str, Any], at: datetime) -> bytes:
        """`at`, aware, is the date that the file bears. About 10 ms, the first one more."""
        content: bytes = await self._print(template, data, at, format="pdf")
        return content

    async def print_png(
        self, template: DocumentTemplate, data: dict[str, Any], at: datetime, *, ppi: float = 96
    ) -> list[bytes]:
        """Each page as a picture."""
        pages: bytes | list[bytes] = await self._print(template, data, at, format="png", ppi=ppi)
        return [pages] if isinstance(pages, bytes) else pages

    async def find_missing_scripts(self, data: dict[str, Any]) -> list[str]:
        """The scripts in the document that no font at hand can print; they appear as boxes."""
        text = "".join(set("".join(iterate_texts(_clean(data)))))
        if text.isascii():
            return []
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._missing_scripts, text)

    def close(self) -> None:
        """Waits for what is being printed."""
        self._thread.shutdown(cancel_futures=True)
        self._files.close()

    async def _print(self, template: DocumentTemplate, data: dict[str, Any], at: datetime, **form: Any) -> Any:
        document = orjson.dumps(_clean(data | {"date": _parts(at)})).decode()
        work = partial(self._compile, template, document, at.replace(microsecond=0), form)  # typst takes whole seconds
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _compile(self, template: DocumentTemplate, document: str, at: datetime, form: dict[str, Any]) -> Any:
        if self._compiler is None:
            self._compiler, self._root = self._open()
        main = str(self._root / f"{template}.typ")
        return self._compiler.compile(input=main, sys_inputs={"document": document}, timestamp=at, **form)

    def _open(self) -> tuple[Any, Path]:
        """In the thread, at the first paper: the library is large."""
        import typst

        root = self._files.enter_context(as_file(files("templates").joinpath("documents")))
        paths = list_font_files(root / "fonts", self._fonts)
        self._coverage = GlyphCoverage(tuple(paths))
        folder = Path(self._files.enter_context(TemporaryDirectory(prefix="hub-fonts-")))
        for number, path in enumerate(paths):  # typst takes directories, and of some only single files are wanted
            link_or_copy(path, folder / f"{number:03}-{path.name}")
        fonts = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[folder])
        return typst.Compiler(root=str(root), font_paths=fonts), root

    def _missing_scripts(self, text: str) -> list[str]:
        if self._compiler is None:
            self._compiler, self._root = self._open()
        return self._coverage.find_missing_scripts(text)


def _parts(at: datetime) -> dict[str, int]:
    return {name: getattr(at, name) for name in ("year", "month", "day", "hour", "minute", "second")}


def _clean(value: Any) -> Any:
    """Without what would break a line or turn the text that follows around."""
    if isinstance(value, str):
        return "".join(_plain(one) for one in value)
    if isinstance(value, dict):
        return {name: _clean(one) for name, one in value.items()}
    return [_clean(one) for one in value] if isinstance(value, list | tuple) else value


def _plain(one: str) -> str:
    if one in _TURNS_TEXT_AROUND:
        return ""
    return " " if unicodedata.category(one) in {"Cc", "Zl", "Zp", "Cs"} else one
