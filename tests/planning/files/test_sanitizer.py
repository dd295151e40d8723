"""What is uploaded is written anew: what people see stays, and all that hides in a file is gone."""

import io
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from pypdf import PdfReader

from hub.core.errors import InvalidRequest
from hub.planning.files import sanitize_process
from hub.planning.files.sanitize_process import FileRejected, sanitize_file
from hub.planning.files.sanitizer import FileSanitizer
from tests.planning.files import uploads
from tests.planning.files.uploads import SECRET


def washed(tmp_path: Path, content: bytes) -> tuple[dict[str, Any], bytes]:
    source, target = tmp_path / "given", tmp_path / "washed"
    source.write_bytes(content)
    found = sanitize_file(source, target)
    return found, target.read_bytes()


def refusal(tmp_path: Path, content: bytes) -> str:
    with pytest.raises(FileRejected) as caught:
        washed(tmp_path, content)
    return caught.value.code


def test_a_photograph_loses_its_place_and_keeps_its_look(tmp_path: Path):
    """A camera held upright writes a picture that lies on its side, and says so in what is taken away."""
    found, content = washed(tmp_path, uploads.photograph())
    assert (found["content_type"], found["width"], found["height"]) == ("image/jpeg", 40, 60)
    picture = Image.open(io.BytesIO(content))
    assert (dict(picture.getexif()), picture.info.get("comment")) == ({}, None)
    assert (SECRET.encode() in content, b"Exif" in content) == (False, False)
    red, green, blue = picture.convert("RGB").getpixel((20, 10))
    assert (red > 200, green < 60, blue < 60) == (True, True, True)


@pytest.mark.parametrize(
    ("kind", "mode", "type_", "bands"),
    [
        ("PNG", "RGBA", "image/png", "RGBA"), ("PNG", "P", "image/png", "RGB"), ("PNG", "1", "image/png", "RGB"),
        ("PNG", "I;16", "image/png", "RGB"), ("WEBP", "RGB", "image/webp", "RGB"), ("JPEG", "L", "image/jpeg", "RGB"),
        ("JPEG", "CMYK", "image/jpeg", "RGB"), ("GIF", "P", "image/png", "RGB"),
    ],
)  # fmt: skip
def test_pictures_of_every_kind(tmp_path: Path, kind: str, mode: str, type_: str, bands: str):
    found, content = washed(tmp_path, uploads.picture(kind, mode=mode))
    picture = Image.open(io.BytesIO(content))
    assert (found["content_type"], picture.size, picture.mode) == (type_, (60, 40), bands)


def test_a_png_loses_its_text_and_what_hangs_behind_its_end(tmp_path: Path):
    _, content = washed(tmp_path, uploads.png_with_text())
    assert SECRET.encode() not in content


def test_an_animation_is_its_first_frame(tmp_path: Path):
    found, content = washed(tmp_path, uploads.animation())
    picture = Image.open(io.BytesIO(content))
    assert (found["suffix"], getattr(picture, "n_frames", 1)) == ("png", 1)
    assert picture.convert("RGB").getpixel((5, 5)) == (255, 0, 0)


def test_a_bomb_is_not_unpacked(tmp_path: Path):
    assert refusal(tmp_path, uploads.bomb()) == "too_many_pixels"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "unsupported_file"),
        (b"<html>%PD</html>", "unsupported_file"), (b"MZ\x90\0", "unsupported_file"),
        (b"\xff\xd8\xff\xe0 and then nothing", "unreadable_file"), (b"%PDF-1.7 and then nothing", "unreadable_file"),
        (uploads.picture("PNG")[:80], "unreadable_file"), (uploads.pdf(password="secret"), "locked_file"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "unreadable_file"),
    ],
)  # fmt: skip
def test_what_is_no_picture_and_no_pdf_is_refused(tmp_path: Path, content: bytes, code: str):
    assert refusal(tmp_path, content) == code


def test_a_pdf_keeps_its_pages(tmp_path: Path):
    found, content = washed(tmp_path, uploads.pdf(3))
    pages = PdfReader(io.BytesIO(content)).pages
    assert (found["content_type"], found["pages"], len(pages)) == ("application/pdf", 3, 3)
    assert "Boarding pass 3" in pages[2].extract_text()


def test_a_pdf_cannot_do_anything_any_more(tmp_path: Path):
    _, content = washed(tmp_path, uploads.evil_pdf())
    hidden = ("JavaScript", "/JS", "/AA", "/OpenAction", "EmbeddedFile", "/Names", "/AcroForm", "passwd", "Metadata")
    assert [word for word in (*hidden, SECRET, "GPS", "Exif") if word.encode() in content] == []
    reader = PdfReader(io.BytesIO(content))
    page = reader.pages[0]
    kinds = [one.get_object()["/Subtype"] for one in page["/Annots"]]
    links = [one.get_object()["/A"]["/URI"] for one in page["/Annots"] if one.get_object()["/Subtype"] == "/Link"]
    assert links == ["https://airline.example.com/check-in"]
    assert set(kinds) <= {"/Link", "/Stamp"}
    assert "Boarding pass 1" in page.extract_text()
    assert page.images[0].image is not None
    assert page.images[0].image.size == (60, 40)


def test_a_pdf_that_opens_without_a_password_is_opened(tmp_path: Path):
    _, content = washed(tmp_path, uploads.pdf(1, password=""))
    assert "/Encrypt" not in PdfReader(io.BytesIO(content)).trailer


def test_a_pdf_of_too_many_pages_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sanitize_process, "MAX_PAGES", 2)
    assert refusal(tmp_path, uploads.pdf(3)) == "too_many_pages"


def test_the_same_file_is_the_same_after_washing(tmp_path: Path):
    """So that it can be recognised when it comes again."""
    for given_file in (uploads.photograph(), uploads.evil_pdf(), uploads.animation()):
        assert washed(tmp_path, given_file) == washed(tmp_path, given_file)


CUTS = st.lists(st.tuples(st.integers(0, 100_000), st.binary(max_size=8)), max_size=6)
SEEDS = (uploads.photograph(), uploads.png_with_text(), uploads.animation(), uploads.evil_pdf())


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.sampled_from(SEEDS), cuts=st.lists(st.tuples(st.integers(0, 100_000), st.binary(max_size=8)), max_size=6)
)
def test_a_damaged_file_is_read_or_refused_and_nothing_else(tmp_path: Path, seed: bytes, cuts: list[tuple[int, bytes]]):
    """And whatever comes of it holds no script."""
    content = bytearray(seed)
    for where, what in cuts:
        content[where % len(content) : where % len(content) + len(what)] = what
    try:
        _, clean = washed(tmp_path, bytes(content))
    except FileRejected:
        return
    assert b"/JavaScript" not in clean


async def test_the_washer_washes_in_a_program_of_its_own(tmp_path: Path):
    source, target = tmp_path / "given", tmp_path / "washed"
    source.write_bytes(uploads.photograph())
    found = await FileSanitizer().sanitize_file(source, target)
    assert (found.content_type, found.suffix, found.width, found.pages) == ("image/jpeg", "jpg", 40, None)
    source.write_bytes(uploads.bomb())
    with pytest.raises(InvalidRequest) as caught:
        await FileSanitizer().sanitize_file(source, target)
    assert [(one.pointer, one.code) for one in caught.value.errors] == [("/file", "too_many_pixels")]


async def test_a_file_that_takes_for_ever_is_given_up(tmp_path: Path):
    source = tmp_path / "given"
    source.write_bytes(uploads.photograph())
    with pytest.raises(InvalidRequest) as caught:
        await FileSanitizer(timeout=0.0).sanitize_file(source, tmp_path / "washed")
    assert caught.value.errors[0].code == "unreadable_file"


async def test_the_washing_program_knows_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """It reads what strangers have made: what it does not know it cannot be made to tell."""
    spy = tmp_path / "spy.py"
    spy.write_text("import json, os, sys\nsys.stdout.write(json.dumps({'refused': '|'.join(os.environ)}))")
    monkeypatch.setattr(sanitize_process, "__file__", str(spy))
    monkeypatch.setenv("STRIPE_SECRET_KEY", "sk_live_x")
    with pytest.raises(InvalidRequest) as caught:
        await FileSanitizer().sanitize_file(tmp_path / "given", tmp_path / "washed")
    assert "PATH" in caught.value.errors[0].code
    assert "STRIPE" not in caught.value.errors[0].code


@pytest.mark.skipif(sys.platform == "win32", reason="the system knows no bounds")
async def test_a_program_that_eats_all_memory_dies_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    glutton = tmp_path / "glutton.py"
    glutton.write_text(
        f"import sys\nsys.path.insert(0, {str(Path(sanitize_process.__file__).parent)!r})\nimport sanitize_process\n"
        f"sanitize_process._confine()\nopen({str(tmp_path / 'began')!r}, 'w')\nbytearray(3 * 1024 ** 3)\n"
    )
    monkeypatch.setattr(sanitize_process, "__file__", str(glutton))
    with pytest.raises(InvalidRequest) as caught:
        await FileSanitizer().sanitize_file(tmp_path / "given", tmp_path / "washed")
    assert ((tmp_path / "began").exists(), caught.value.errors[0].code) == (True, "unreadable_file")
