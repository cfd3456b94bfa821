import re
import struct
import zlib

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image, ImageOps, features

from ipe_sr import InputError
from ipe_sr.imaging import images
from ipe_sr.imaging.images import Picture


def refused(path, word=""):
    with pytest.raises(InputError) as caught:
        images.read(path)
    assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value)
    assert word in str(caught.value)


@pytest.mark.parametrize("with_icc", [False, True])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("suffix", [".png", ".tif", ".TIFF"])
def test_lossless_round_trip(tmp_path, pixels, icc, suffix, dtype, channels, with_icc):
    picture = Picture(pixels(11, 14, channels, dtype), icc if with_icc else None)
    images.write(tmp_path / f"p{suffix}", picture)
    back = images.read(tmp_path / f"p{suffix}")
    assert back.pixels.dtype == dtype
    assert np.array_equal(back.pixels, picture.pixels)
    assert back.icc == picture.icc
    if (suffix[:4].lower(), dtype, channels) == (".tif", np.uint16, 2):
        return   # unknown to PIL
    with Image.open(tmp_path / f"p{suffix}") as other:   # another reader agrees on size and profile
        assert other.size == (14, 11)
        assert other.info.get("icc_profile") == picture.icc


@pytest.mark.parametrize(("suffix", "channels"), [(".jpg", 1), (".jpeg", 3), (".webp", 3), (".webp", 4)])
def test_lossy_round_trip(tmp_path, icc, suffix, channels):
    y, x, c = np.ogrid[:32, :40, :channels]
    smooth = (60 + 3 * y + 2 * x + 7 * c).astype(np.uint8)
    images.write(tmp_path / f"p{suffix}", Picture(smooth, icc))
    back = images.read(tmp_path / f"p{suffix}")
    assert back.pixels.shape == smooth.shape and back.icc == icc
    assert np.abs(back.pixels.astype(int) - smooth).max() <= 8


@pytest.mark.parametrize("suffix", [".jpg", ".webp"])
def test_sixteen_bits_become_eight_where_the_format_has_no_more(tmp_path, suffix):
    images.write(tmp_path / f"p{suffix}", Picture(np.full((16, 16, 3), 128 * 257, np.uint16)))
    back = images.read(tmp_path / f"p{suffix}").pixels
    assert back.dtype == np.uint8 and np.abs(back.astype(int) - 128).max() <= 2


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_16_bit_tiff_of_other_writers(tmp_path, pixels, channels):
    whole = pixels(9, 12, channels, np.uint16)
    kind = "rgb" if channels > 1 else "minisblack"
    tifffile.imwrite(tmp_path / "plain.tif", whole.squeeze(), photometric=kind)
    assert np.array_equal(images.read(tmp_path / "plain.tif").pixels, whole)
    tifffile.imwrite(tmp_path / "big.tif", whole.squeeze(), photometric=kind, byteorder=">", compression="lzw", predictor=True)
    assert np.array_equal(images.read(tmp_path / "big.tif").pixels, whole)
    if channels > 1:
        tifffile.imwrite(tmp_path / "planes.tif", np.moveaxis(whole, -1, 0), photometric="rgb", planarconfig="separate")
        assert np.array_equal(images.read(tmp_path / "planes.tif").pixels, whole)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_tiff_where_white_is_zero(tmp_path, pixels, dtype):
    gray = pixels(9, 12, 1, dtype)
    tifffile.imwrite(tmp_path / "w.tif", np.iinfo(dtype).max - gray[..., 0], photometric="miniswhite")
    assert np.array_equal(images.read(tmp_path / "w.tif").pixels, gray)


def transposed(array, orientation):
    """The upright picture, turned by PIL."""
    image = Image.fromarray(array)
    image.getexif()[images.ORIENTATION] = orientation
    return np.array(ImageOps.exif_transpose(image))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation(tmp_path, pixels, orientation):
    picture = Image.fromarray(pixels(24, 16))
    exif = Image.Exif()
    exif[images.ORIENTATION] = orientation
    expected = transposed(np.array(picture), orientation)
    for suffix, options in ((".tif", {}), (".png", {}), (".webp", {"lossless": True}), (".jpg", {"quality": 95})):
        path = tmp_path / f"p{suffix}"
        picture.save(path, exif=exif, **options)
        got = images.read(path).pixels
        if suffix == ".jpg":
            with Image.open(path) as opened:
                expected = np.array(ImageOps.exif_transpose(opened))
        assert np.array_equal(got, expected), suffix
    assert np.array_equal(images.from_pil(Image.open(tmp_path / "p.tif")).pixels, images.read(tmp_path / "p.tif").pixels)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_of_16_bits(tmp_path, pixels, orientation):
    gray = pixels(6, 4, 1, np.uint16)[..., 0]
    expected = transposed((gray >> 8).astype(np.uint8), orientation).astype(int) * 256
    expected += transposed((gray & 255).astype(np.uint8), orientation)
    tag = (images.ORIENTATION, "H", 1, orientation, True)
    tifffile.imwrite(tmp_path / "p.tif", gray, photometric="minisblack", extratags=[tag])
    assert np.array_equal(images.read(tmp_path / "p.tif").pixels[..., 0], expected)
    exif = Image.Exif()
    exif[images.ORIENTATION] = orientation
    Image.fromarray(gray).save(tmp_path / "p.png", exif=exif)
    assert np.array_equal(images.read(tmp_path / "p.png").pixels[..., 0], expected)


def test_other_modes_become_gray_or_rgb(tmp_path, pixels):
    rgb = Image.fromarray(pixels(20, 24))
    bits = rgb.convert("1")
    bits.save(tmp_path / "bits.png")
    assert np.array_equal(images.read(tmp_path / "bits.png").pixels[..., 0], np.array(bits).astype(np.uint8) * 255)
    palette = rgb.quantize(8)
    palette.save(tmp_path / "palette.png")
    assert np.array_equal(images.read(tmp_path / "palette.png").pixels, np.array(palette.convert("RGB")))
    rgb.save(tmp_path / "p.bmp")
    assert np.array_equal(images.read(tmp_path / "p.bmp").pixels, np.array(rgb))


def test_palette_with_transparency(tmp_path, pixels):
    palette = Image.fromarray(pixels(20, 24)).quantize(8)
    palette.save(tmp_path / "p.png", transparency=bytes([0, 50, 100, 150, 200, 255, 255, 255]))
    with Image.open(tmp_path / "p.png") as opened:
        expected = np.array(opened.convert("RGBA"))
    got = images.read(tmp_path / "p.png").pixels
    assert np.array_equal(got, expected)
    assert len(np.unique(got[..., 3])) > 2


def test_cmyk_becomes_rgb_without_the_profile_that_describes_its_inks(tmp_path, pixels, icc):
    Image.fromarray(pixels(16, 16)).convert("CMYK").save(tmp_path / "p.jpg", icc_profile=icc, quality=95)
    with Image.open(tmp_path / "p.jpg") as opened:
        assert opened.mode == "CMYK" and opened.info["icc_profile"] == icc
        expected = np.array(opened.convert("RGB"))
    picture = images.read(tmp_path / "p.jpg")
    assert np.array_equal(picture.pixels, expected)
    assert picture.icc is None


def test_missing_empty_folder_and_no_picture(tmp_path):
    refused(tmp_path / "none.png", "no such file")
    refused(tmp_path, "folder")
    (tmp_path / "empty.png").touch()
    refused(tmp_path / "empty.png", "empty")
    (tmp_path / "text.png").write_text("Not a picture.\n" * 9, encoding="utf-8")
    refused(tmp_path / "text.png", "not a picture")


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif"])
@pytest.mark.parametrize("keep", [0.05, 0.5, 0.9])
def test_truncated(tmp_path, suffix, dtype, keep):
    noise = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (40, 40, 3), dtype)
    path = tmp_path / f"p{suffix}"
    images.write(path, Picture(noise))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * keep)])
    refused(path)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("kind", ["unspecified", "assocalpha", "unassalpha"])
def test_what_a_fourth_channel_of_a_tiff_is(tmp_path, dtype, kind):
    """A half transparent white is gray when it is premultiplied. A fourth channel that is not alpha is dropped."""
    half, most = (np.iinfo(dtype).max + 1) // 2, np.iinfo(dtype).max
    whole = np.full((6, 5, 4), half, dtype)
    whole[0, 0] = 0
    tifffile.imwrite(tmp_path / "p.tif", whole, photometric="rgb", extrasamples=[kind])
    pixels = images.read(tmp_path / "p.tif").pixels
    assert pixels.dtype == dtype
    due = {"unspecified": [half] * 3, "unassalpha": [half] * 4, "assocalpha": [most] * 3 + [half]}[kind]
    assert pixels.shape == (6, 5, len(due))
    assert (pixels.reshape(-1, len(due))[1:] == due).all() and not pixels[0, 0].any()


@pytest.mark.parametrize("suffix", [".png", ".webp", ".jpg"])
def test_damaged_metadata_do_not_hide_the_pixels(tmp_path, pixels, suffix):
    path = tmp_path / f"p{suffix}"
    Image.fromarray(pixels(8, 9)).save(path, exif=b"Exif\0\0garbage that is no TIFF")
    assert images.read(path).pixels.shape == (8, 9, 3)


def test_too_many_pixels_at_once(tmp_path, monkeypatch):
    Image.new("L", (2000, 1500)).save(tmp_path / "p.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1_000_000)
    refused(tmp_path / "p.png", "has more than 2 million pixels")


BOMBS = {   # name -> which tag of a small TIFF claims what
    "wide": {"ImageWidth": 20_000, "ImageLength": 10_000}, "claim": {"ImageWidth": 60_000, "ImageLength": 60_000},
    "tile": {"TileWidth": 1 << 15, "TileLength": 1 << 15}, "depth": {"ImageDepth": 1 << 20},
}


@pytest.mark.parametrize("name", BOMBS)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32, np.float32])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_tiff_of_any_depth_is_refused_by_its_size_before_it_is_decoded(tmp_path, name, dtype, channels):
    """Of the page and of its tiles: a decoder allocates a whole tile even for a small page."""
    whole = np.zeros((16, 16, channels), dtype)
    kind = {"photometric": "rgb"} if channels == 3 else {"photometric": "minisblack"}
    options = kind | ({"tile": (16, 16)} if name == "tile" else {})
    tags = [("ImageDepth", "I", 1, 1, True)] if name == "depth" else []
    tifffile.imwrite(tmp_path / "p.tif", whole.squeeze(), compression="zlib", extratags=tags, metadata=None, **options)
    with tifffile.TiffFile(tmp_path / "p.tif", mode="r+b") as file:
        for tag, value in BOMBS[name].items():
            file.pages[0].tags[tag].overwrite(value)
    refused(tmp_path / "p.tif", "has more than 178 million pixels")


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_tiff_of_very_many_channels_is_refused_before_it_is_decoded(tmp_path, dtype):
    tifffile.imwrite(tmp_path / "p.tif", np.zeros((16, 16, 3), dtype), photometric="rgb", compression="zlib")
    with tifffile.TiffFile(tmp_path / "p.tif", mode="r+b") as file:
        file.pages[0].tags["SamplesPerPixel"].overwrite(60_000)
    refused(tmp_path / "p.tif")


@pytest.mark.parametrize("compression", ["zlib", "lzw", "zstd", "lzma", "packbits"])
def test_a_strip_is_decoded_to_its_own_size_alone(tmp_path, compression):
    """The first strip, of one row, holds the data of a thousand rows."""
    rows = np.arange(1000 * 16, dtype=np.uint16).reshape(1000, 16)
    tifffile.imwrite(tmp_path / "p.tif", rows, compression=compression, rowsperstrip=1000, metadata=None)
    with tifffile.TiffFile(tmp_path / "p.tif", mode="r+b") as file:
        for tag in ("ImageLength", "RowsPerStrip"):
            file.pages[0].tags[tag].overwrite(1)
    assert np.array_equal(images.read(tmp_path / "p.tif").pixels[..., 0], rows[:1])


def test_a_png_with_two_headers_is_refused(tmp_path, pixels):
    """PIL believes the last header and the decoder for 16 bits the first."""
    images.write(tmp_path / "p.png", Picture(pixels(8, 9, 1, np.uint16)))
    data = (tmp_path / "p.png").read_bytes()
    body = b"IHDR" + struct.pack(">IIBBBBB", 60_000, 60_000, 16, 0, 0, 0, 0)
    first = struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))
    (tmp_path / "p.png").write_bytes(data[:8] + first + data[8:])
    refused(tmp_path / "p.png", "has more than 178 million pixels")


@pytest.mark.parametrize("suffix", [".gif", ".bmp", ".tga", ".ppm", ".jp2", ".avif", ".pcx", ".sgi", ".dds", ".jpg", ".webp"])
def test_too_many_pixels_in_any_format_that_is_read(tmp_path, monkeypatch, suffix):
    if not features.check_module("avif") and suffix == ".avif":
        pytest.skip("this PIL cannot write AVIF")
    Image.new("RGB", (200, 150)).save(tmp_path / f"p{suffix}")
    assert images.read(tmp_path / f"p{suffix}").pixels.shape == (150, 200, 3)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 14_000)
    refused(tmp_path / f"p{suffix}", "the limit for safety")


def test_jpeg_2000_in_a_tiff_of_16_bits_is_refused(tmp_path, pixels):
    """Its segments are pictures that state sizes of their own."""
    tifffile.imwrite(tmp_path / "p.tif", pixels(16, 16, 1, np.uint16)[..., 0], compression="jpeg2000")
    refused(tmp_path / "p.tif", "16-bit TIFF with JPEG2000 compression; convert it to LZW or deflate first")


@pytest.mark.parametrize("mode", ["I;16", "I;16B", "I;16L"])
def test_16_bit_gray_of_pil(pixels, mode):
    """The values are those that PIL shows, whatever its byte order."""
    gray = pixels(6, 5, 1, np.uint16)
    order = ">" if mode == "I;16B" else "<"
    image = Image.frombytes(mode, (5, 6), gray.astype(f"{order}u2").tobytes())
    picture = images.from_pil(image)
    assert picture.pixels.dtype == np.uint16 and np.array_equal(picture.pixels, gray)
    back = images.to_pil(picture)
    assert back.mode == "I;16" and back.getpixel((3, 2)) == image.getpixel((3, 2)) == gray[2, 3, 0]


PIL_MODES = {   # mode of a PIL picture -> mode in which it comes back, or what the refusal says
    "1": "L", "L": "L", "LA": "LA", "La": "LA", "P": "RGB", "PA": "RGBA", "I": "mode 'I'", "I;16": "I;16", "I;16B": "I;16",
    "F": "mode 'F'", "RGB": "RGB", "RGBA": "RGBA", "RGBa": "RGBA", "RGBX": "RGB", "CMYK": "RGB", "YCbCr": "RGB",
    "LAB": "RGB", "HSV": "RGB",
}


@pytest.mark.parametrize("mode", PIL_MODES)
def test_every_mode_of_pil_is_read_or_refused_in_one_true_line(mode):
    image, due = Image.new(mode, (5, 4)), PIL_MODES[mode]
    if due.startswith("mode"):
        with pytest.raises(InputError, match=f"holds 32-bit pixels .{due}.; convert it to 8 or 16 bits per channel first"):
            images.from_pil(image)
    else:
        assert images.to_pil(images.from_pil(image)).mode == due


def test_a_palette_with_alpha_keeps_it():
    palette = Image.new("P", (5, 4))
    palette.putpalette([10, 20, 30, 40] * 256, "RGBA")
    assert images.from_pil(palette).pixels[0, 0].tolist() == [10, 20, 30, 40]


def test_16_bit_gray_with_a_transparent_value_is_refused():
    image = Image.new("I;16", (5, 4))
    image.info["transparency"] = 7
    with pytest.raises(InputError, match="a transparent value; convert it to gray with alpha first"):
        images.from_pil(image)


def test_kinds_of_tiff_that_are_not_read(tmp_path):
    tifffile.imwrite(tmp_path / "p.tif", np.ones((8, 8, 3), np.float32), photometric="rgb")
    refused(tmp_path / "p.tif", "convert it to 8 or 16 bits")


@pytest.mark.parametrize("dtype", [np.float32, np.int32, np.uint32])
def test_32_bits_are_refused(tmp_path, dtype):
    tifffile.imwrite(tmp_path / "p.tif", np.ones((8, 8), dtype))
    refused(tmp_path / "p.tif", "8 or 16 bits")


@pytest.mark.parametrize(("name", "channels", "word"), [
    ("p.jpg", 4, "alpha"), ("p.jpg", 2, "alpha"), ("p.gif", 3, ".png"), ("p", 3, "without suffix"),
    ("nowhere/p.png", 3, "nowhere"), ("folder.png", 3, "folder"),
])
def test_what_cannot_be_written(tmp_path, pixels, name, channels, word):
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(InputError, match=re.escape(word)) as caught:
        images.write(tmp_path / name, Picture(pixels(8, 8, channels)))
    assert str(caught.value).startswith(str(tmp_path / name))
    assert [path.name for path in tmp_path.rglob("*")] == ["folder.png"]


@pytest.mark.parametrize(("suffix", "side"), [(".webp", 16384), (".jpg", 65501)])
def test_sides_longer_than_the_format_allows(tmp_path, suffix, side):
    with pytest.raises(InputError, match=str(side - 1)):
        images.write(tmp_path / f"p{suffix}", Picture(np.zeros((1, side, 3), np.uint8)))
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_tensors_and_pixels(dtype):
    peak = np.iinfo(dtype).max
    values = np.arange(peak + 1, dtype=dtype).reshape(-1, 16, 1)
    tensor = images.to_tensor(values)
    assert tensor.shape == (1, (peak + 1) // 16, 16) and tensor.dtype == torch.float32
    assert (tensor.min(), tensor.max()) == (0, 1)
    assert np.array_equal(images.to_pixels(tensor, dtype), values)
    outside = images.to_pixels(torch.tensor([[[-0.5, 1.5, 0.5]]]), dtype)
    assert outside.flatten().tolist() == [0, peak, round(peak / 2)]


def test_to_depth():
    eight = np.arange(256, dtype=np.uint8)
    assert np.array_equal(images.to_depth(eight, np.uint16), eight.astype(np.uint16) * 257)
    assert np.array_equal(images.to_depth(images.to_depth(eight, np.uint16), np.uint8), eight)
