"""What strangers upload is not kept: it is read, and written anew.

A picture becomes its pixels, without place, time, camera or a hidden thumbnail; a PDF becomes its pages, without
scripts, forms that send, files within or actions. It runs as a program of its own (`python washing.py <from> <to>`),
which may be slow, large or dead without harm to the hub, and so imports nothing of it. It says what it made as JSON
on its standard output, or why it refuses.
"""

import json
import sys
import warnings
from io import BytesIO
from pathlib import Path
from typing import Any

MAX_PIXELS = 50_000_000
MAX_PAGES = 300
MAX_OUTPUT_BYTES = 16 * 1024 * 1024
"""Bytes of what is written."""
MEMORY_LIMIT = 2 * 1024**3
"""Bytes of address space."""
CPU_SECONDS_LIMIT = 20
"""Of processor time."""

_PICTURES = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp", "GIF": "image/png"}
_SUFFIXES = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp", "application/pdf": "pdf"}
_HEAD = 1024


class FileRejected(Exception):
    """`code` is one of unsupported_file, unreadable_file, too_many_pixels, too_many_pages, too_large, locked_file."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(code)


def sanitize_file(source: Path, target: Path) -> dict[str, Any]:
    """`{content_type, suffix, width, height, pages}` of what is now at `target`. Raises Refused."""
    kind = detect_kind(source)
    if kind is None:
        raise FileRejected("unsupported_file")
    try:
        found = _wash_pdf(source, target) if kind == "PDF" else _wash_picture(source, target, kind)
    except MemoryError as error:
        raise FileRejected("unreadable_file") from error
    if target.stat().st_size > MAX_OUTPUT_BYTES:
        raise FileRejected("too_large")
    return {"width": None, "height": None, "pages": None, "suffix": _SUFFIXES[found["content_type"]], **found}


def detect_kind(source: Path) -> str | None:
    """By its first bytes: neither name nor declared type is asked."""
    with source.open("rb") as file:
        head = file.read(_HEAD)
    if head.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    return "PDF" if b"%PDF-" in head else None


def _wash_picture(source: Path, target: Path, kind: str) -> dict[str, Any]:
    from PIL import Image, UnidentifiedImageError

    Image.MAX_IMAGE_PIXELS = None  # our own bound is asked before a pixel is unpacked
    try:
        with Image.open(source, formats=(kind,)) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise FileRejected("too_many_pixels")
            picture.seek(0)
            picture.load()
            clean = _pixels(picture, transparent=kind != "JPEG")
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError) as error:
        raise FileRejected("unreadable_file") from error
    _save(clean, target, kind)
    return {"content_type": _PICTURES[kind], "width": clean.width, "height": clean.height}


def _pixels(picture: Any, *, transparent: bool) -> Any:
    """The first frame, upright, in sRGB, and nothing else: a new picture that nothing was copied to but pixels."""
    from PIL import Image, ImageOps

    upright = ImageOps.exif_transpose(picture)
    alpha = transparent and upright.has_transparency_data
    flat = _in_srgb(upright, "RGBA" if alpha else "RGB")
    clean = Image.new(flat.mode, flat.size)
    clean.paste(flat)
    return clean


def _in_srgb(picture: Any, mode: str) -> Any:
    """A picture with colours of its own (a camera's profile) looks the same without its profile."""
    from PIL import ImageCms

    profile = picture.info.get("icc_profile")
    if profile and picture.mode in {"RGB", "RGBA", "CMYK", "L"}:
        try:
            own, srgb = ImageCms.ImageCmsProfile(BytesIO(profile)), ImageCms.createProfile("sRGB")
            target = mode if picture.mode == "RGBA" else "RGB"
            picture = ImageCms.profileToProfile(picture, own, srgb, outputMode=target) or picture
        except (ImageCms.PyCMSError, OSError, ValueError):
            pass  # a profile that does not hold: the colours are taken as they are
    if picture.mode.startswith("I;16") or picture.mode in {"I", "F"}:
        picture = picture.convert("I").point(lambda level: level / 256).convert("L")
    return picture.convert(mode)


def _save(picture: Any, target: Path, kind: str) -> None:
    if kind == "JPEG":
        picture.save(target, "JPEG", quality=88, optimize=True, progressive=True)
    elif kind == "WEBP":
        picture.save(target, "WEBP", quality=88, method=4)
    else:
        picture.save(target, "PNG", optimize=False, compress_level=6)


_BROKEN = (
    ValueError, TypeError, KeyError, IndexError, AttributeError, ArithmeticError, AssertionError, NotImplementedError,
    RecursionError, OSError,
)  # fmt: skip
"""What pypdf raises, beside errors of its own, over a file that is not what it says it is."""


def _wash_pdf(source: Path, target: Path) -> dict[str, Any]:
    from pypdf import PdfReader, PdfWriter
    from pypdf.errors import PyPdfError

    try:
        reader = PdfReader(source, strict=False)
        if reader.is_encrypted and not reader.decrypt(""):
            raise FileRejected("locked_file")
        count = len(reader.pages)
        if not 0 < count <= MAX_PAGES:
            raise FileRejected("too_many_pages" if count else "unreadable_file")
        writer = PdfWriter()
        for page in reader.pages:
            _copy_page(writer, page)
        writer.metadata = None
        _purge(writer)
        clean = BytesIO()
        writer.write(clean)
    except (PyPdfError, *_BROKEN) as error:
        raise FileRejected("unreadable_file") from error
    target.write_bytes(clean.getbuffer())  # a disk that is full is not the file's fault
    return {"content_type": "application/pdf", "pages": count}


_PAGE_KEYS = frozenset("/Type /Parent /Contents /Resources /MediaBox /CropBox /Rotate /Group /UserUnit".split())
_NOTE_KEYS = frozenset("/Type /Subtype /Rect /AP /AS /F /C /Border /BS /QuadPoints /InkList /L /Vertices /IC".split())
_SEEN = frozenset("/Highlight /Underline /StrikeOut /Squiggly /Ink /Line /Square /Circle /Polygon /PolyLine".split())
_PICTURED = frozenset({"/Widget", "/FreeText", "/Stamp"})
"""A filled form is kept as what it looks like."""
_HIDDEN = 2


def _copy_page(writer: Any, page: Any) -> None:
    """What is printed of it, by a list of what may stay: an action, a thumbnail, a form has no place to be in."""
    from pypdf.generic import ArrayObject, NameObject

    for key in ("/Resources", "/MediaBox", "/CropBox", "/Rotate"):  # some come from the page tree
        if key not in page and (value := _inherited(page, key)) is not None:
            page[NameObject(key)] = value
    notes = [clean for one in page.get("/Annots") or [] if (clean := _note(one.get_object())) is not None]
    for key in [key for key in page if key not in _PAGE_KEYS]:
        del page[key]
    if notes:
        page[NameObject("/Annots")] = ArrayObject(notes)
    writer.add_page(page)


def _inherited(page: Any, key: str) -> Any:
    node = page.get("/Parent")
    for _ in range(50):
        if node is None:
            return None
        node = node.get_object()
        if key in node:
            return node[key]
        node = node.get("/Parent")
    return None


def _note(note: Any) -> Any:
    """A note without what it can do; a link only where it leads to the web."""
    from pypdf.generic import DictionaryObject, NameObject

    kind = note.get("/Subtype")
    if kind == "/Link":
        return _link(note)
    hidden = int(note.get("/F", 0)) & _HIDDEN
    if hidden or not (kind in _SEEN or (kind in _PICTURED and "/AP" in note)):
        return None
    clean = DictionaryObject({NameObject(key): value for key, value in note.items() if key in _NOTE_KEYS})
    if kind in _PICTURED:
        clean[NameObject("/Subtype")] = NameObject("/Stamp")
    return clean


def _link(note: Any) -> Any:
    from pypdf.generic import ArrayObject, DictionaryObject, NameObject, NumberObject, TextStringObject

    action = note.get("/A")
    action = action.get_object() if action is not None else {}
    address = str(action.get("/URI", "")) if action.get("/S") == "/URI" else ""
    if not address.lower().startswith(("https://", "http://", "mailto:")) or "/Rect" not in note:
        return None
    return DictionaryObject({
        NameObject("/Type"): NameObject("/Annot"),
        NameObject("/Subtype"): NameObject("/Link"),
        NameObject("/Rect"): note["/Rect"],
        NameObject("/Border"): ArrayObject([NumberObject(0)] * 3),
        NameObject("/A"): DictionaryObject({
            NameObject("/S"): NameObject("/URI"),
            NameObject("/URI"): TextStringObject(address),
        }),
    })  # fmt: skip


_ACTIVE = frozenset(
    "/AA /OpenAction /JS /JavaScript /EmbeddedFiles /EF /AF /RichMediaContent /RichMediaSettings /XFA /Metadata "
    "/PieceInfo /Thumb /OPI /Ref /StructParent /StructParents /PS /Launch /LastModified".split()
)
_OUTSIDE = frozenset({"/F", "/FFilter", "/FDecodeParms"})
"""In a stream: its data stand in some other file."""


def _purge(writer: Any) -> None:
    """Of everything that came along with the pages: what acts, what hides, what fetches."""
    from pypdf.generic import DictionaryObject, StreamObject

    for one in writer._objects:  # noqa: SLF001 (there is no public way through all objects)
        for part in _dictionaries(one):
            for key in [key for key in part if key in _ACTIVE]:
                del part[key]
            if isinstance(part, StreamObject):
                for key in [key for key in part if key in _OUTSIDE]:
                    del part[key]
                if part.get("/Filter") in ("/DCTDecode", ["/DCTDecode"]):
                    part._data = _without_camera(part._data)  # noqa: SLF001 (as it is in the file, packed)
            action = part.get("/A")
            if isinstance(action, DictionaryObject) and action.get("/S") != "/URI":
                del part["/A"]


_KEPT_MARKERS = frozenset({0xE0, 0xE2, 0xEE})
"""JFIF, the colour profile, Adobe's: without them the colours change."""
_SCAN = 0xDA


def _without_camera(jpeg: bytes) -> bytes:
    """A photograph on a page, without what the camera wrote beside the picture. What is no JPEG is left as it is."""
    if not jpeg.startswith(b"\xff\xd8"):
        return jpeg
    kept, at = [jpeg[:2]], 2
    while at + 4 <= len(jpeg) and jpeg[at] == 0xFF and jpeg[at + 1] != _SCAN:  # noqa: PLR2004 (every marker begins so)
        marker, end = jpeg[at + 1], at + 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
        if marker in _KEPT_MARKERS or not (0xE0 <= marker <= 0xEF or marker == 0xFE):  # noqa: PLR2004 (APPn, COM)
            kept.append(jpeg[at:end])
        at = end
    return b"".join([*kept, jpeg[at:]])


def _dictionaries(value: Any) -> list[Any]:
    """This object and those within, not those that it refers to."""
    from pypdf.generic import ArrayObject, DictionaryObject

    found, left = [], [value]
    while left:
        one = left.pop()
        if isinstance(one, DictionaryObject):
            found.append(one)
            left += [part for part in one.values() if isinstance(part, DictionaryObject | ArrayObject)]
        elif isinstance(one, ArrayObject):
            left += [part for part in one if isinstance(part, DictionaryObject | ArrayObject)]
    return found


def _confine() -> None:
    """Whatever a file makes of its reader: it ends here. Where the system knows no bounds, the hub's clock is left."""
    try:
        import resource
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS_LIMIT, CPU_SECONDS_LIMIT))
    resource.setrlimit(resource.RLIMIT_FSIZE, (4 * MAX_OUTPUT_BYTES, 4 * MAX_OUTPUT_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main(source: str, target: str) -> int:
    import logging

    import PIL
    import pypdf

    del PIL, pypdf  # they are there, so that whatever fails from here on is the file's fault
    logging.disable()
    warnings.simplefilter("ignore")
    _confine()
    try:
        found = sanitize_file(Path(source), Path(target))
    except FileRejected as refusal:
        found = {"refused": refusal.code}
    sys.stdout.write(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
