"""Date, place, camera, captions and resolution go from file to file; what described the old pixels does not."""

import struct

import numpy as np
import pytest
import tifffile
from PIL import Image

import ipe_sr
from ipe_sr.imaging import images, metadata
from ipe_sr.upscaling import pictures

DATE, PLACE, LENS = "2026:01:02 03:04:05", (48.0, 8.0, 1.5), "A lens"
XMP = (b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6" exif:PixelXDimension="24">'
       b"<dc:title>Holiday</dc:title></rdf:Description></x:xmpmeta>")


def exif(orientation=6):
    tags = Image.Exif()
    tags[0x010F], tags[0x0132], tags[metadata.ORIENTATION] = "Maker", DATE, orientation
    tags[metadata.X_RESOLUTION], tags[metadata.Y_RESOLUTION], tags[metadata.RESOLUTION_UNIT] = 300.0, 300.0, 2
    tags.get_ifd(metadata.EXIF_TAG).update({0x9003: DATE, 0xA434: LENS, metadata.EXIF_WIDTH: 24, metadata.EXIF_HEIGHT: 16})
    tags.get_ifd(metadata.GPS_TAG).update({1: "N", 2: PLACE, 3: "E", 4: PLACE})
    return tags


def photograph(path, pixels, dtype=np.uint8, orientation=6):
    """A photograph of 16 x 24 pixels, which stands upright as 24 x 16."""
    if dtype == np.uint16:
        tifffile.imwrite(path.with_suffix(".source.tif"), pixels(16, 24, 3, dtype), photometric="rgb")
        picture = images.read(path.with_suffix(".source.tif"))
        Image.new("L", (1, 1)).save(path.with_suffix(".tags.jpg"), exif=exif(1), xmp=XMP, comment="Hello")
        about = metadata.of_pil(Image.open(path.with_suffix(".tags.jpg"))).enlarged((16, 24), (16, 24))
        images.write(path, picture._replace(metadata=about))
        return
    options = {"exif": exif(orientation).tobytes(), "dpi": (300, 300)} | ({"xmp": XMP} if path.suffix != ".tif" else {})
    Image.fromarray(pixels(16, 24)).save(path, **options)


@pytest.mark.parametrize("source", ["a.jpg", "a.png", "a.webp", "a.tif", "a.avif"])
@pytest.mark.parametrize("target", ["b.jpg", "b.png", "b.webp", "b.tif", "b.avif"])
def test_date_place_and_resolution_go_from_format_to_format(tmp_path, pixels, source, target):
    photograph(tmp_path / source, pixels)
    height, width = pictures.upscale_file(tmp_path / source, tmp_path / target, 2, model="bicubic")
    assert (height, width) == (48, 32)
    with Image.open(tmp_path / target) as made:
        made.load()
        tags, inner, place = made.getexif(), *(made.getexif().get_ifd(t) for t in (metadata.EXIF_TAG, metadata.GPS_TAG))
        assert tags.get(metadata.ORIENTATION, 1) == 1
        assert (tags[0x010F], tags[0x0132], inner[0x9003], inner[0xA434]) == ("Maker", DATE, DATE, LENS)
        assert tuple(map(float, place[2])) == PLACE and place[1] == "N"
        assert (inner[metadata.EXIF_WIDTH], inner[metadata.EXIF_HEIGHT]) == (width, height)
        assert float(tags[metadata.X_RESOLUTION]) == pytest.approx(600, rel=1e-3), "a print keeps its size"
        if "xmp" in made.info and source != "a.tif":
            assert b"Holiday" in made.info["xmp"] and b'Orientation="1"' in made.info["xmp"]
            assert f'PixelXDimension="{width}"'.encode() in made.info["xmp"]


def test_no_directory_appears_that_was_not_there(tmp_path, pixels):
    tags = Image.Exif()
    tags[0x010F] = "Maker"
    Image.fromarray(pixels(16, 24)).save(tmp_path / "a.jpg", exif=tags)
    pictures.upscale_file(tmp_path / "a.jpg", tmp_path / "b.jpg", 2, model="bicubic")
    with Image.open(tmp_path / "b.jpg") as made:
        assert dict(made.getexif()) == {0x010F: "Maker"}


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_16_bits_have_metadata_too(tmp_path, pixels, suffix):
    photograph(tmp_path / f"a{suffix}", pixels, np.uint16)
    assert images.read(tmp_path / f"a{suffix}").pixels.dtype == np.uint16
    pictures.upscale_file(tmp_path / f"a{suffix}", tmp_path / f"b{suffix}", (3, 2), model="bicubic")
    back = images.read(tmp_path / f"b{suffix}")
    assert back.pixels.shape == (48, 48, 3) and back.pixels.dtype == np.uint16
    tags = back.metadata.tags()
    assert tags[0x0132] == DATE and tags.get_ifd(metadata.EXIF_TAG)[0xA434] == LENS
    assert tuple(map(float, tags.get_ifd(metadata.GPS_TAG)[2])) == PLACE
    assert back.metadata.resolution == pytest.approx((600, 900), rel=1e-3)
    assert b"Holiday" in back.metadata.xmp


@pytest.mark.parametrize("name", ["a.jpg", "a.png"])
def test_strip_keeps_the_profile_alone(tmp_path, pixels, icc, name):
    Image.fromarray(pixels(16, 24)).save(tmp_path / name, exif=exif(), icc_profile=icc, dpi=(300, 300), comment="Hello")
    pictures.upscale_file(tmp_path / name, tmp_path / f"b{name}", 2, model="bicubic", strip=True)
    with Image.open(tmp_path / f"b{name}") as made:
        assert made.size == (32, 48) and made.info["icc_profile"] == icc
        assert not made.getexif() and not {"comment", "xmp", "exif"} & made.info.keys()


def test_the_thumbnail_is_dropped(tmp_path, pixels):
    """It shows the picture as it was, and viewers would show it in place of the result."""
    whole = exif().tobytes()
    offset = len(whole) - 6
    small = b"\0\1" + b"\2\1\0\4\0\0\0\1\0\0\0\0" + b"\0\0\0\0"
    data = bytearray(whole + small)
    count = int.from_bytes(data[14:16], "big")
    end = 6 + 8 + 2 + 12 * count
    data[end : end + 4] = offset.to_bytes(4, "big")
    Image.fromarray(pixels(16, 24)).save(tmp_path / "a.jpg", exif=bytes(data))
    assert Image.open(tmp_path / "a.jpg").getexif().get_ifd(0x1) is not None
    pictures.upscale_file(tmp_path / "a.jpg", tmp_path / "b.jpg", 2, model="bicubic")
    assert not Image.open(tmp_path / "b.jpg").getexif().get_ifd(0x1)


@pytest.mark.parametrize(("name", "comment"), [("b.jpg", "Grüße"), ("b.png", "Grüße")])
def test_comments_stay(tmp_path, pixels, name, comment):
    Image.fromarray(pixels(16, 24)).save(tmp_path / "a.jpg", comment=comment.encode())
    pictures.upscale_file(tmp_path / "a.jpg", tmp_path / name, 2, model="bicubic")
    assert images.read(tmp_path / name).metadata.comment == comment


def test_what_a_format_cannot_hold_is_said_in_one_line(tmp_path, pixels):
    Image.fromarray(pixels(16, 24)).save(tmp_path / "a.jpg", comment="Hello")
    with pytest.warns(UserWarning, match="left out: a comment, which WEBP cannot hold") as caught:
        pictures.upscale_file(tmp_path / "a.jpg", tmp_path / "b.webp", 2, model="bicubic")
    assert len(caught) == 1
    tags = exif()
    tags.get_ifd(metadata.EXIF_TAG)[metadata.MAKER_NOTE] = bytes(70_000)
    Image.fromarray(pixels(16, 24)).save(tmp_path / "a.png", exif=tags)
    with pytest.warns(UserWarning, match="the camera maker's notes, which are too long for JPEG"):
        pictures.upscale_file(tmp_path / "a.png", tmp_path / "b.jpg", 2, model="bicubic")
    assert Image.open(tmp_path / "b.jpg").getexif()[0x0132] == DATE


def test_damaged_exif_does_not_hide_the_picture(tmp_path, pixels):
    Image.fromarray(pixels(16, 24)).save(tmp_path / "a.jpg", exif=exif(1))
    whole = (tmp_path / "a.jpg").read_bytes()
    at = whole.index(b"Exif\0\0") + 14
    for start in range(at, at + 60, 7):
        (tmp_path / "c.jpg").write_bytes(whole[:start] + b"\xff\xfe\xfd" + whole[start + 3 :])
        pictures.upscale_file(tmp_path / "c.jpg", tmp_path / "b.png", 1, model="bicubic")
        assert sorted(Image.open(tmp_path / "b.png").size) == [16, 24]


def test_a_pil_picture_keeps_them_too(tmp_path, pixels):
    photograph(tmp_path / "a.jpg", pixels)
    sr = ipe_sr.upscale(Image.open(tmp_path / "a.jpg"), 2, model="bicubic")
    sr.save(tmp_path / "b.jpg", exif=sr.info["exif"])
    back = Image.open(tmp_path / "b.jpg")
    assert back.size == (32, 48) and back.getexif().get(metadata.ORIENTATION, 1) == 1 and back.getexif()[0x0132] == DATE


@pytest.mark.parametrize(("kind", "options", "per_inch"), [
    ("jpg", {}, None), ("png", {}, None), ("jpg", {"dpi": (72, 72)}, (72, 72)), ("png", {"dpi": (300, 150)}, (300, 150)),
    ("tif", {"dpi": (300, 300)}, (300, 300)),
])
def test_a_resolution_that_is_not_there_is_not_made_up(tmp_path, pixels, kind, options, per_inch):
    Image.fromarray(pixels(16, 24)).save(tmp_path / f"a.{kind}", **options)
    found = images.read(tmp_path / f"a.{kind}").metadata.resolution
    assert found == (per_inch and pytest.approx(per_inch, rel=1e-3))


@pytest.mark.parametrize("target", ["b.jpg", "b.png", "b.webp", "b.tif", "b.avif"])
def test_names_keep_their_accents_and_one_wrong_tag_costs_no_other(tmp_path, pixels, target):
    """EXIF calls text ASCII, but cameras and editors write UTF-8; others write text where numbers are due."""
    artist, owner = "Zoë Müller".encode(), "東京".encode()
    tags = Image.Exif()
    tags[0x013B], tags[0x013F] = artist, (0.64, 0.33, 0.21, 0.71, 0.15, 0.06)
    tags[0x829A] = 0.008   # an exposure time, which belongs to the inner directory
    tags.get_ifd(metadata.EXIF_TAG).update({0x9003: DATE, 0xA430: metadata.Latin1(owner.decode("latin-1"))})
    tags.get_ifd(metadata.GPS_TAG).update({1: "N", 2: 48.5})
    number, text = (struct.pack(">HHI", 2, *entry) for entry in ((5, 1), (2, 4)))   # latitude: one fraction, four letters
    data = tags.tobytes()
    assert data.count(number) == 1
    data = data.replace(number, text)
    Image.fromarray(pixels(16, 24)).save(tmp_path / "a.jpg", exif=data)
    with pytest.warns(UserWarning, match="damaged EXIF"):
        pictures.upscale_file(tmp_path / "a.jpg", tmp_path / target, 2, model="bicubic")
    with Image.open(tmp_path / target) as made:
        made.load()
        found = made.getexif()
        inner, where = found.get_ifd(metadata.EXIF_TAG), found.get_ifd(metadata.GPS_TAG)
        assert found[0x013B].encode("latin-1") == artist and inner[0xA430].encode("latin-1") == owner
        assert float(found[0x829A]) == 0.008 and inner[0x9003] == DATE and len(found[0x013F]) == 6
        assert where[1] == "N" and 2 not in where
