"""Files that are damaged, large, deep, or that describe their colours in other ways: right, or refused in one line."""

import io
import re
import struct
import subprocess
import sys
import zlib

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

import ipe_sr
from ipe_sr import InputError, memory
from ipe_sr.imaging import boxes, colour, images, jpeg_xl, png


def decoded(data, *words):
    """The picture in some bytes. One warning with these words is due, or none at all."""
    if not words:
        return images.decode(data, "picture")
    with pytest.warns(UserWarning) as caught:
        picture = images.decode(data, "picture")
    assert len(caught) == 1 and str(caught[0].message).startswith("picture: ")
    for word in words:
        assert word in str(caught[0].message)
    return picture


def saved(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def damaged(data):
    """The same with bits of the compressed pixels turned around, and the checksums of PNG right."""
    at = data.index(b"IDAT") + 40
    body = data[:at] + bytes(255 - byte for byte in data[at : at + 30]) + data[at + 30 :]
    start = data.index(b"IDAT")
    length = struct.unpack(">I", data[start - 4 : start])[0]
    crc = struct.pack(">I", zlib.crc32(body[start : start + 4 + length]))
    return body[: start + 4 + length] + crc + body[start + 8 + length :]


def test_damaged_pixels_are_refused_wherever_a_picture_comes_in(tmp_path, pixels):
    """PIL reports the damage once, to whoever asks first, and shows black afterwards."""
    data = damaged(saved(Image.fromarray(pixels(60, 60)), "PNG"))
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(InputError, match="picture: damaged"):
        images.decode(data, "picture")
    for image in (Image.open(io.BytesIO(data)), Image.open(tmp_path / "a.png")):
        with pytest.raises(InputError, match="the picture is damaged"):
            ipe_sr.upscale(image, 2, model="bicubic")


@pytest.mark.parametrize("bits", [1, 4, 7, 10, 12, 16])
@pytest.mark.parametrize("channels", [1, 3])
def test_jpeg_2000_of_any_depth_spans_the_whole_range(bits, channels):
    most = 2**bits - 1
    ramp = np.linspace(0, most, 24 * 20 * channels).round().astype(np.uint16 if bits > 8 else np.uint8)
    whole = ramp.reshape(24, 20, channels)
    data = imagecodecs.jpeg2k_encode(whole.squeeze(), bitspersample=bits, reversible=True, level=0)
    assert {part.bits for part in boxes.jpeg_2000_components(data)} == {bits}
    found = decoded(data).pixels
    top = np.iinfo(found.dtype).max
    assert found.dtype == (np.uint16 if bits > 8 else np.uint8)
    assert np.abs(found / top - whole / most).max() < 1 / most and found.max() == top


def test_jpeg_2000_with_a_sign_is_refused():
    data = imagecodecs.jpeg2k_encode(np.zeros((8, 8), np.int16), reversible=True)
    with pytest.raises(InputError, match=r"picture: .*JPEG 2000|picture: damaged"):
        images.decode(data, "picture")


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF", "AVIF"])
def test_of_several_frames_or_pages_a_warning_speaks(kind):
    frames = [Image.new("RGB", (9, 8), (60 * i, 0, 0)) for i in range(1, 4)]
    data = saved(frames[0], kind, save_all=True, append_images=frames[1:])
    found = decoded(data, "only the first of 3", "pages" if kind == "TIFF" else "frames")
    assert abs(int(found.pixels[0, 0, 0]) - 60) < 5


def test_of_several_pages_of_16_bits_too(pixels):
    file = io.BytesIO()
    tifffile.imwrite(file, np.stack([pixels(8, 9, 3, np.uint16, seed) for seed in range(3)]), photometric="rgb")
    assert np.array_equal(decoded(file.getvalue(), "only the first of 3 pages").pixels, pixels(8, 9, 3, np.uint16))


def shown(picture):
    """What a viewer shows: sRGB by LittleCMS."""
    if picture.icc is None:
        return picture.pixels
    source = ImageCms.ImageCmsProfile(io.BytesIO(picture.icc))
    return np.asarray(ImageCms.profileToProfile(Image.fromarray(picture.pixels), source, ImageCms.createProfile("sRGB")))


def with_chunks(image, *chunks):
    data = saved(image, "PNG")
    for kind, body in chunks:
        data = png.with_chunk(data, kind, body)
    return data


def srgb(light):
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


@pytest.mark.parametrize(("gamma", "exponent"), [(100000, 1.0), (45455, 2.2), (55556, 1.8)])
def test_the_gamma_of_a_png_becomes_a_profile(gamma, exponent):
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, -1)
    picture = decoded(with_chunks(Image.fromarray(ramp), (b"gAMA", struct.pack(">I", gamma))))
    assert np.array_equal(picture.pixels, ramp)
    expected = srgb((ramp / 255) ** exponent) * 255
    assert np.abs(shown(picture) - expected)[:, 8:].max() < 2


def test_primaries_of_a_png_become_a_profile():
    """Display P3's red is beyond sRGB; its gray is sRGB's."""
    points = [31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000]
    image = Image.fromarray(np.array([[[128, 128, 128], [200, 40, 40]]], np.uint8))
    for chunk in ((b"cHRM", struct.pack(">8I", *points)), (b"cICP", bytes([12, 13, 0, 1]))):
        gray, red = shown(decoded(with_chunks(image, chunk)))[0].astype(int)
        assert np.abs(gray - 128).max() <= 2
        assert red[0] > 210 and red[1] < 30


@pytest.mark.parametrize("chunks", [
    [(b"sRGB", b"\0")], [(b"gAMA", struct.pack(">I", 100000)), (b"sRGB", b"\0")], [(b"cICP", bytes([1, 13, 0, 1]))], [],
])
def test_srgb_needs_no_profile(chunks):
    assert decoded(with_chunks(Image.new("RGB", (4, 4)), *chunks)).icc is None


def test_a_gray_png_gets_a_gray_profile():
    picture = decoded(with_chunks(Image.new("L", (4, 4), 100), (b"gAMA", struct.pack(">I", 100000))))
    assert ImageCms.ImageCmsProfile(io.BytesIO(picture.icc)).profile.xcolor_space.strip() == "GRAY"


@pytest.mark.parametrize("chunk", [
    (b"cICP", bytes([9, 16, 0, 1])), (b"cHRM", struct.pack(">8I", *[1] * 8)),
])
def test_colours_that_cannot_be_kept_are_said(chunk):
    assert decoded(with_chunks(Image.new("RGB", (4, 4)), chunk), "picture: its").icc is None


def test_an_avif_with_codes_of_display_p3_gets_a_profile():
    data = saved(Image.new("RGB", (16, 16), (200, 40, 40)), "AVIF", quality=100)
    at = data.index(b"colrnclx") + 8
    assert colour.of_codes(*struct.unpack_from(">HH", data, at)) == (None, None)
    p3 = data[:at] + struct.pack(">HH", 12, 13) + data[at + 4 :]
    assert colour.of_codes(12, 13)[0] == decoded(p3).icc is not None


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_inks_are_converted_through_their_profile(kind, tmp_path):
    """A profile of inks that swaps cyan and yellow shows that it is used."""
    inks = Image.fromarray(np.full((16, 16, 4), (200, 20, 20, 0), np.uint8), "CMYK")
    profile = cmyk_profile()
    picture = decoded(saved(inks, kind, icc_profile=profile))
    expected = ImageCms.profileToProfile(
        Image.open(io.BytesIO(saved(inks, kind))), ImageCms.ImageCmsProfile(io.BytesIO(profile)),
        ImageCms.createProfile("sRGB"), outputMode="RGB",
    )
    assert np.array_equal(picture.pixels, np.array(expected)) and picture.icc is None
    assert np.abs(picture.pixels.astype(int) - np.array(inks.convert("RGB"))).mean() > 10


def cmyk_profile() -> bytes:
    """A small profile of inks: a table of 2^4 points from CMYK to Lab, where black is dark and each ink takes its lightness."""
    points = np.stack(np.meshgrid(*[np.linspace(0, 1, 2)] * 4, indexing="ij"), -1).reshape(-1, 4)
    light = np.clip(100 - 40 * points[:, 0] - 20 * points[:, 1] - 10 * points[:, 2] - 90 * points[:, 3], 0, 100)
    a, b = 60 * (points[:, 1] - points[:, 0]), 60 * (points[:, 2] - points[:, 0])
    lab = np.stack([light * 255 / 100, a + 128, b + 128], -1).clip(0, 255).round().astype(np.uint8)
    identity = np.eye(3).ravel()
    table = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + b"".join(struct.pack(">i", round(n * 65536)) for n in identity)
    table += bytes(range(256)) * 4 + lab.tobytes() + bytes(range(256)) * 3
    text = b"text\0\0\0\0inks\0"
    tags = {b"desc": b"desc\0\0\0\0" + struct.pack(">I", 5) + b"inks\0" + bytes(78), b"cprt": text, b"A2B0": table,
            b"wtpt": b"XYZ \0\0\0\0" + struct.pack(">iii", 63190, 65536, 54061)}
    at, directory, body = 128 + 4 + 12 * len(tags), b"", b""
    for name, data in tags.items():
        data += bytes(-len(data) % 4)
        directory += name + struct.pack(">II", at + len(body), len(data))
        body += data
    size = at + len(body)
    head = struct.pack(">I", size) + b"lcms" + struct.pack(">I", 0x02400000) + b"prtrCMYKLab " + bytes(12) + b"acsp"
    head = head.ljust(68, b"\0") + struct.pack(">iii", 63190, 65536, 54061)
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + directory + body


def test_a_damaged_profile_of_inks_is_said(icc):
    inks = Image.new("CMYK", (8, 8), (10, 20, 30, 0))
    picture = decoded(saved(inks, "JPEG", icc_profile=b"no profile at all"), "profile of inks is damaged")
    assert picture.pixels.shape == (8, 8, 3) and picture.icc is None


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_profile_of_several_megabytes_is_written_and_read(tmp_path, pixels, dtype):
    large = np.random.default_rng(0).bytes(3 << 20)
    images.write(tmp_path / "a.png", images.Picture(pixels(8, 9, 3, dtype), large))
    back = images.read(tmp_path / "a.png")
    assert back.icc == large and np.array_equal(back.pixels, pixels(8, 9, 3, dtype))


def test_texts_that_unpack_to_gigabytes_are_not_unpacked():
    bomb = zlib.compress(bytes(1 << 27), 1)
    data = with_chunks(Image.new("L", (4, 4), 9), (b"zTXt", b"Comment\0\0" + bomb), (b"iCCP", b"p\0\0" + bomb))
    picture = decoded(data)
    assert picture.pixels[0, 0, 0] == 9 and picture.icc is None and picture.metadata.comment is None


def test_jpeg_xl_is_read_in_full_depth(pixels, monkeypatch):
    for dtype in (np.uint8, np.uint16):
        for channels in (1, 2, 3, 4):
            whole = pixels(24, 31, channels, dtype)
            data = imagecodecs.jpegxl_encode(whole.squeeze(), lossless=True)
            monkeypatch.setitem(sys.modules, "pillow_jxl", None)
            picture = decoded(data, "pillow-jxl-plugin")
            assert np.array_equal(picture.pixels, whole)


@pytest.mark.parametrize("size", [(8, 8), (16, 24), (1, 20000), (60, 80), (108, 192), (333, 77)])
@pytest.mark.parametrize("container", [False, True])
def test_the_size_of_a_jpeg_xl_is_known_before_it_is_decoded(size, container):
    data = imagecodecs.jpegxl_encode(np.zeros((*size, 3), np.uint8), usecontainer=container)
    assert jpeg_xl.size(data) == size[::-1]


def test_a_jpeg_xl_that_is_too_large_is_refused(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(InputError, match="million pixels"):
        images.decode(imagecodecs.jpegxl_encode(np.zeros((100, 100, 3), np.uint8)), "picture")


def test_heic_names_the_package_that_reads_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(InputError, match=r"pillow-heif.*or convert it to JPEG or PNG"):
        images.decode(b"\0\0\0\x1cftypheic" + bytes(100), "picture")


def test_heic_is_read_where_the_package_is_installed(pixels):
    pillow_heif = pytest.importorskip("pillow_heif", reason="reading HEIC needs pillow-heif: pip install 'ipe_sr[formats]'")
    pillow_heif.register_heif_opener()
    gray = np.repeat(pixels(64, 48, 1), 3, -1)
    data = saved(Image.fromarray(gray), "HEIF", quality=100)
    assert np.abs(decoded(data).pixels.astype(int) - gray).mean() < 8


def test_pipes_and_devices_are_files():
    data = saved(Image.new("L", (4, 4), 9), "PNG")
    program = "from ipe_sr.imaging import images; print(images.read({!r}).pixels.shape)"
    for path in ("/dev/stdin", "-"):
        done = subprocess.run([sys.executable, "-c", program.format(path)], input=data, capture_output=True)
        assert done.stdout.split() == b"(4, 4, 1)".split(), done.stderr


def test_libraries_print_nothing_of_their_own(tmp_path, pixels):
    """libtiff writes its errors to stderr itself, and tifffile logs them."""
    for dtype, name in ((np.uint8, "a.tif"), (np.uint16, "b.tif")):
        images.write(tmp_path / name, images.Picture(pixels(40, 40, 3, dtype)))
        data = bytearray((tmp_path / name).read_bytes())
        data[60:400] = bytes(340)
        (tmp_path / name).write_bytes(data)
        program = f"from ipe_sr.imaging import images; images.read({str(tmp_path / name)!r})"
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
        assert "InputError" in done.stderr.splitlines()[-1] and done.stderr.startswith("Traceback"), done.stderr


def test_the_limit_of_pixels_can_be_raised_and_lowered(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", Image.MAX_IMAGE_PIXELS)
    data = saved(Image.new("L", (100, 100)), "PNG")
    images.set_most_pixels(9_000)
    with pytest.raises(InputError, match="raise the limit with --max-pixels"):
        images.decode(data, "picture")
    images.set_most_pixels(10_000)
    assert images.decode(data, "picture").pixels.shape == (100, 100, 1)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP"])
def test_memory_is_looked_at_before_a_picture_is_decoded(kind, monkeypatch):
    data = saved(Image.new("RGB", (300, 300)), kind)
    monkeypatch.setattr(memory, "free", lambda: 1_000_000)
    with pytest.raises(InputError, match=r"picture: decoding it would take about .* GiB .* are free"):
        images.decode(data, "picture")


def test_the_limits_of_a_process_and_of_a_container_count(monkeypatch, tmp_path):
    resource = pytest.importorskip("resource", reason="Windows has no such limits")
    before = memory.free()
    used = memory.psutil.Process().memory_info().vms
    monkeypatch.setattr(
        resource, "getrlimit", lambda kind: (used + 5_000_000 if kind == resource.RLIMIT_AS else resource.RLIM_INFINITY, 0)
    )
    assert memory.free() < 50_000_000 < before
    monkeypatch.undo()
    group = tmp_path / "batch" / "job"
    group.mkdir(parents=True)
    (tmp_path / "batch" / "memory.max").write_text("3000000\n", encoding="utf-8")
    (tmp_path / "batch" / "memory.current").write_text("2000000\n", encoding="utf-8")
    (tmp_path / "batch" / "memory.stat").write_text("anon 7\ninactive_file 500000\n", encoding="utf-8")
    (group / "memory.max").write_text("max\n", encoding="utf-8")
    (group / "memory.current").write_text("7\n", encoding="utf-8")
    monkeypatch.setattr(memory, "CGROUPS", tmp_path)
    read = memory.Path.read_text
    monkeypatch.setattr(
        memory.Path, "read_text", lambda self, **options: "0::/batch/job\n" if str(self) == "/proc/self/cgroup" else read(
            self, **options)
    )
    assert memory.free() == 1_500_000


def test_a_16_bit_tiff_that_claims_many_pixels_is_refused(tmp_path):
    """Each of its strips is there, so that nothing but its size gives it away."""
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((6000, 8), np.uint16), compression="zlib", rowsperstrip=1, metadata=None)
    with tifffile.TiffFile(tmp_path / "a.tif", mode="r+b") as file:
        file.pages[0].tags["ImageWidth"].overwrite(60_000)
        file.pages[0].tags["ImageLength"].overwrite(60_000)
    with pytest.raises(InputError, match=re.escape("has more than 178 million pixels")):
        images.read(tmp_path / "a.tif")
