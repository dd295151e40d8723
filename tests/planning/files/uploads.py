"""Files as people upload them, and as those do who mean harm."""

import io
import struct
import zlib
from typing import Any

from PIL import ExifTags, Image, PngImagePlugin
from pypdf import PdfWriter
from pypdf.annotations import FreeText
from pypdf.generic import ArrayObject, DictionaryObject, NameObject, NumberObject, StreamObject, TextStringObject

SECRET = "Ada was here"
"""Stands wherever a file can hide something."""


def picture(kind: str = "JPEG", size: tuple[int, int] = (60, 40), mode: str = "RGB", **more: Any) -> bytes:
    """Its left half is red, its right half is blue."""
    found = Image.new("RGB", size, "red")
    found.paste("blue", (size[0] // 2, 0, *size))
    out = io.BytesIO()
    found.convert(mode).save(out, kind, **more)
    return out.getvalue()


def photograph() -> bytes:
    """From a camera held upright: turned by Exif, with place, maker and a comment."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    exif[ExifTags.Base.Make] = SECRET
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] = (38.0, 42.0, 30.0)
    return picture("JPEG", exif=exif, comment=SECRET.encode())


def png_with_text() -> bytes:
    info = PngImagePlugin.PngInfo()
    info.add_text("Author", SECRET)
    return picture("PNG", pnginfo=info) + SECRET.encode()


def animation() -> bytes:
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "lime", "blue")]
    out = io.BytesIO()
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:], comment=SECRET.encode())
    return out.getvalue()


def bomb(width: int = 60_000, height: int = 60_000) -> bytes:
    """A few bytes that say they are 3,600 million pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    packed = zlib.compress(b"\0" * 100_000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def script(text: str = SECRET) -> DictionaryObject:
    return DictionaryObject({
        NameObject("/S"): NameObject("/JavaScript"), NameObject("/JS"): TextStringObject(f"app.alert('{text}')"),
    })  # fmt: skip


def note(kind: str, **more: Any) -> DictionaryObject:
    rect = ArrayObject([NumberObject(one) for one in (10, 10, 90, 30)])
    found = DictionaryObject({NameObject("/Subtype"): NameObject(kind), NameObject("/Rect"): rect})
    found |= {NameObject(f"/{name}"): value for name, value in more.items()}
    return found


def uri(address: str) -> DictionaryObject:
    return DictionaryObject({
        NameObject("/S"): NameObject("/URI"), NameObject("/URI"): TextStringObject(address),
    })  # fmt: skip


def pdf(pages: int = 2, *, password: str | None = None) -> bytes:
    writer = PdfWriter()
    for number in range(pages):
        page = writer.add_blank_page(200, 200)
        content = StreamObject()
        content.set_data(f"BT /F1 12 Tf 20 100 Td (Boarding pass {number + 1}) Tj ET".encode())
        font = {"/Type": "/Font", "/Subtype": "/Type1", "/BaseFont": "/Helvetica"}
        made = DictionaryObject({NameObject(key): NameObject(value) for key, value in font.items()})
        fonts = DictionaryObject({NameObject("/F1"): made})
        page[NameObject("/Resources")] = DictionaryObject({NameObject("/Font"): fonts})
        page[NameObject("/Contents")] = writer._add_object(content)
    if password is not None:
        writer.encrypt(password)
    return written(writer)


def evil_pdf() -> bytes:
    """Scripts on opening, on the page, behind a link and in a form; a file within; an author; a photograph's place."""
    writer = PdfWriter(io.BytesIO(pdf(1)))
    writer.root_object[NameObject("/OpenAction")] = script()
    writer.add_attachment("secret.txt", SECRET.encode())
    writer.add_metadata({"/Author": SECRET})
    page = writer.pages[0]
    page[NameObject("/AA")] = DictionaryObject({NameObject("/O"): script()})
    writer.add_annotation(0, FreeText(text="Seat 12A", rect=(10, 40, 90, 60)))
    for one in (
        note("/Link", A=script()),
        note("/Link", A=uri("https://airline.example.com/check-in")),
        note("/Link", A=uri("file:///etc/passwd")),
        note("/FileAttachment", Contents=TextStringObject(SECRET)),
        note("/Widget", FT=NameObject("/Btn"), AA=DictionaryObject({NameObject("/D"): script()})),
    ):
        page[NameObject("/Annots")].append(writer._add_object(one))
    image = StreamObject()
    image.set_data(photograph())
    image |= {
        NameObject("/Type"): NameObject("/XObject"), NameObject("/Subtype"): NameObject("/Image"),
        NameObject("/Filter"): NameObject("/DCTDecode"), NameObject("/Width"): NumberObject(60),
        NameObject("/Height"): NumberObject(40), NameObject("/Metadata"): TextStringObject(SECRET),
        NameObject("/ColorSpace"): NameObject("/DeviceRGB"), NameObject("/BitsPerComponent"): NumberObject(8),
    }  # fmt: skip
    page["/Resources"][NameObject("/XObject")] = DictionaryObject({NameObject("/I1"): writer._add_object(image)})
    return written(writer)


def written(writer: PdfWriter) -> bytes:
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()
