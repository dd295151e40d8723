"""What the fonts at hand can print: read from their character maps, so that a paper without boxes can be promised."""

import shutil
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path

SCRIPT_SAMPLES = {
    "Latin": "aé", "Greek": "ω", "Cyrillic": "ж", "Arabic": "ع", "Hebrew": "ש", "Armenian": "Ա", "Georgian": "ა",
    "Devanagari": "अ", "Bengali": "অ", "Gujarati": "અ", "Gurmukhi": "ਅ", "Tamil": "அ", "Telugu": "అ", "Kannada": "ಅ",
    "Malayalam": "അ", "Sinhala": "අ", "Oriya": "ଅ", "Thai": "ก", "Lao": "ກ", "Khmer": "ក", "Burmese": "က",
    "Ethiopic": "አ", "Chinese": "京简", "Japanese": "東ひカ", "Hangul": "한", "Emoji": "😀✈",
}  # fmt: skip
"""Scripts that names and places are written in, each with characters of its own."""
_PACKAGES = (("noto_cjk_sans_otc", "NotoSansCJK-Regular.ttc"), ("manimgx_fonts", "NotoEmoji[[]wght].ttf"))
"""Packages of the extra `fonts`, each with the file that is used of it."""
_BLOCKS = (
    (0x2E80, 0x2FDF, "Chinese"), (0x3040, 0x30FF, "Japanese"), (0x3130, 0x318F, "Hangul"), (0x3400, 0x9FFF, "Chinese"),
    (0xAC00, 0xD7AF, "Hangul"), (0xF900, 0xFAFF, "Chinese"), (0x20000, 0x323AF, "Chinese"),
    (0x1F000, 0x1FAFF, "Emoji"), (0x2600, 0x27BF, "Emoji"),
)  # fmt: skip
_NEVER_DRAWN = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp", "Zs"})
_VARIATIONS = range(0xFE00, 0xFE10)


def list_font_files(bundled: Path, further: Path | None) -> list[Path]:
    """Fonts for papers: those that come with the hub, those of the extra `fonts`, and those of a directory."""
    files = [path for path in sorted(bundled.iterdir()) if path.suffix in {".otf", ".ttf"}]
    files += [path for package, name in _PACKAGES for path in _of_package(package, name)]
    if further is not None and further.is_dir():
        files += sorted(path for path in further.rglob("*") if path.suffix.lower() in {".otf", ".ttf", ".ttc", ".otc"})
    return files


def link_or_copy(source: Path, target: Path) -> None:
    """A symbolic link, or a copy where the system does not allow links."""
    try:
        target.symlink_to(source.resolve())
    except OSError:
        shutil.copyfile(source, target)


def _of_package(package: str, pattern: str) -> Iterator[Path]:
    spec = find_spec(package)
    for folder in spec.submodule_search_locations or () if spec is not None else ():
        yield from Path(folder).glob(pattern)


@dataclass(frozen=True)
class GlyphCoverage:
    """Read at the first question: about a tenth of a second, with large fonts a second."""

    fonts: tuple[Path, ...]

    @cached_property
    def characters(self) -> frozenset[int]:
        """The code points that some font has a glyph for."""
        return frozenset(code for path in self.fonts for code in _code_points(path))

    def find_missing_characters(self, text: str) -> set[str]:
        """Characters of the text that would be printed as boxes."""
        drawn = (one for one in set(text) if unicodedata.category(one) not in _NEVER_DRAWN)
        return {one for one in drawn if ord(one) not in _VARIATIONS and ord(one) not in self.characters}

    def find_missing_scripts(self, text: str) -> list[str]:
        """The scripts of those characters, by name."""
        return sorted({get_script_name(one) for one in self.find_missing_characters(text)})

    def list_unprintable_scripts(self) -> list[str]:
        """Scripts of the list that no font can print."""
        return [name for name, sample in SCRIPT_SAMPLES.items() if self.find_missing_characters(sample)]


def get_script_name(character: str) -> str:
    """`Khmer`, `Chinese`, `Emoji`; for others the first word of the character's Unicode name."""
    code = ord(character)
    block = next((name for first, last, name in _BLOCKS if first <= code <= last), None)
    if block is not None:
        return block
    word = unicodedata.name(character, f"U+{code:04X}").split()[0].capitalize()
    return "Burmese" if word == "Myanmar" else word


def iterate_texts(data: object) -> Iterable[str]:
    """Every string within a document."""
    if isinstance(data, str):
        yield data
    elif isinstance(data, dict):
        for value in data.values():
            yield from iterate_texts(value)
    elif isinstance(data, list | tuple):
        for value in data:
            yield from iterate_texts(value)


def _code_points(path: Path) -> Iterator[int]:
    """Of each face of the file. A file that is no font has none."""
    from fontTools.ttLib import TTFont, TTLibError

    try:
        with path.open("rb") as file:  # the faces of a collection share their characters
            yield from TTFont(file, fontNumber=0, lazy=True).getBestCmap() or ()
    except (TTLibError, OSError):
        return
