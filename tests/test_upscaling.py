import math
import sys

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image, ImageOps

import ipe_sr
from ipe_sr import InputError, models
from ipe_sr.imaging import images, metrics, resample, samples
from ipe_sr.upscaling import pictures


def expected(pixels, size):
    """Bicubic of (H, W, C) integers, each plane by itself."""
    sr = resample.bicubic(images.to_tensor(pixels), size, border="mirror")
    return images.to_pixels(sr, pixels.dtype)


def close(a, b):
    """Equal but for the last bit's rounding."""
    return a.shape == b.shape and a.dtype == b.dtype and np.abs(a.astype(int) - b.astype(int)).max() <= 1


@pytest.mark.parametrize("shape", [(8, 9), (8, 9, 1), (8, 9, 2), (8, 9, 3), (8, 9, 4)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64, np.float16])
def test_numpy_in_numpy_out(pixels, dtype, shape):
    whole = pixels(8, 9, shape[2] if len(shape) > 2 else 1, dtype if np.issubdtype(dtype, np.integer) else np.uint16)
    array = whole if whole.dtype == dtype else (whole / 65535).astype(dtype)
    sr = ipe_sr.upscale(array.reshape(shape), 2, model="bicubic")
    assert isinstance(sr, np.ndarray) and sr.dtype == dtype
    assert sr.shape == (16, 18, *shape[2:])
    if array is whole:
        assert close(sr.reshape(16, 18, -1), expected(whole, (16, 18)))
    else:
        assert np.abs(sr.reshape(16, 18, -1) - expected(whole, (16, 18)) / 65535.0).max() < 2e-3
        assert sr.min() >= 0 and sr.max() <= 1


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32, torch.float64, torch.bfloat16])
def test_torch_in_torch_out(pixels, dtype, channels):
    whole = torch.from_numpy(pixels(8, 9, channels)).movedim(-1, 0)
    picture = whole if dtype == torch.uint8 else (whole / 255).to(dtype)
    sr = ipe_sr.upscale(picture, size=(13, 20), model="bicubic")
    assert isinstance(sr, torch.Tensor) and sr.dtype == dtype and sr.shape == (channels, 13, 20)
    reference = torch.from_numpy(expected(pixels(8, 9, channels), (13, 20))).movedim(-1, 0).double()
    values = sr.double() if dtype == torch.uint8 else sr.double() * 255
    assert (values - reference).abs().max() <= (2 if dtype == torch.bfloat16 else 1)


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_pil_in_pil_out(pixels, icc, mode):
    array = pixels(8, 9, len(mode))
    image = Image.fromarray(array.squeeze())
    image.info["icc_profile"] = icc
    sr = ipe_sr.upscale(image, 1.5, model="bicubic")
    assert isinstance(sr, Image.Image) and sr.mode == mode and sr.size == (14, 12)   # 9 * 1.5 rounds half to even
    assert close(np.array(sr).reshape(12, 14, -1), expected(array, (12, 14)))
    assert sr.info["icc_profile"] == icc


def test_16_bit_gray_of_pil_comes_back_in_16_bits():
    ramp = np.linspace(20000, 20200, 16 * 16).reshape(16, 16).round().astype(np.uint16)
    sr = ipe_sr.upscale(Image.fromarray(ramp), 2, model="bicubic")
    assert sr.mode == "I;16" and close(np.array(sr)[..., None], expected(ramp[..., None], (32, 32)))


@pytest.mark.parametrize(("scale", "size"), [
    (1, (10, 16)), (2.7, (27, 43)), ((3, 1), (30, 16)), ((1.55, 2), (16, 32)), ((1, 4.1), (10, 66)),
])
def test_any_scale(pixels, scale, size):
    assert ipe_sr.upscale(pixels(10, 16), scale, model="bicubic").shape[:2] == size


def test_exact_sizes(pixels):
    assert ipe_sr.upscale(pixels(10, 16), size=(11, 97)).shape[:2] == (11, 97)
    assert ipe_sr.upscale(pixels(10, 16), size=np.array([33, 16])).shape[:2] == (33, 16)


@pytest.mark.parametrize(("arguments", "message"), [
    ({"scale": "2"}, "scale must be a number"), ({"scale": (2, None)}, "scale must be a number"),
    ({"scale": {2}}, "scale must be a number"), ({"size": 24}, "size must be two whole numbers"),
    ({"size": "24"}, "size must be two whole numbers"),
])
def test_scales_and_sizes_of_other_types(pixels, arguments, message):
    with pytest.raises(InputError, match=message):
        ipe_sr.upscale(pixels(10, 16), model="bicubic", **arguments)
    assert ipe_sr.upscale(pixels(10, 16), np.array([2, 3]), model="bicubic").shape == (20, 48, 3)


def test_pictures_that_are_none(tmp_path, pixels):
    with pytest.raises(InputError, match="floats from 255 to 255, where 0 is black and 1 is white"):
        ipe_sr.upscale(np.full((8, 9), 255.0), 2, model="bicubic")
    with pytest.raises(InputError, match="empty: 0 x 5 pixels"):
        ipe_sr.upscale(Image.new("RGB", (0, 5)), 2, model="bicubic")
    Image.fromarray(pixels(80, 90)).save(tmp_path / "a.png")
    (tmp_path / "a.png").write_bytes((tmp_path / "a.png").read_bytes()[:900])
    with pytest.raises(InputError, match="the picture is damaged"):
        ipe_sr.upscale(Image.open(tmp_path / "a.png"), 2, model="bicubic")


@pytest.mark.parametrize(("name", "size", "message"), [
    ("folder.png", (16, 18), "is a folder"), ("no/a.png", (16, 18), "make .*no first"),
    ("a.webp", (16384, 9), "16383 pixels a side"),
])
def test_where_nothing_can_be_written_nothing_is_computed(tmp_path, pixels, name, size, message):
    (tmp_path / "folder.png").mkdir()
    Image.fromarray(pixels(8, 9)).save(tmp_path / "in.png")

    class Never(torch.nn.Module):
        def forward(self, lr, size):
            pytest.fail("the model was asked")

    with pytest.raises(InputError, match=message):
        pictures.upscale_file(tmp_path / "in.png", tmp_path / name, size=size, model=Never())


@pytest.mark.parametrize("make", ["bicubic", "ipe-liif"])
def test_alpha_is_straight_and_beside_the_colours(pixels, tiny, make):
    model = tiny() if make == "ipe-liif" else make
    rgba = pixels(8, 9, 4)
    rgba[..., 3] = rgba[..., 3].clip(1, 254)
    sr = ipe_sr.upscale(rgba, 2.5, model=model)
    assert np.array_equal(sr[..., :3], ipe_sr.upscale(np.ascontiguousarray(rgba[..., :3]), 2.5, model=model))
    assert np.array_equal(sr[..., 3], ipe_sr.upscale(np.ascontiguousarray(rgba[..., 3]), 2.5, model=model))


def test_a_learned_model_and_dtype(pixels, tiny):
    model, array = tiny(), pixels(6, 7)
    with torch.no_grad():
        sr = model(images.to_tensor(array)[None], (15, 16))[0]
    assert np.array_equal(ipe_sr.upscale(array, size=(15, 16), model=model), images.to_pixels(sr))
    half = ipe_sr.upscale(array, size=(15, 16), model=model, dtype="bf16")
    assert 0 < np.abs(half.astype(int) - images.to_pixels(sr)).max() < 16


def test_the_default_is_the_released_model_and_beats_bicubic():
    crop = samples.image("coffee")[100:164, 200:264]
    lr = resample.imresize(crop, (32, 32))
    sr, plain = (images.to_tensor(ipe_sr.upscale(lr, 2, **model)) for model in ({}, {"model": "bicubic"}))
    assert models.DEFAULT in models.released()
    hr = images.to_tensor(crop)
    assert metrics.psnr(sr, hr, "benchmark", 2) > metrics.psnr(plain, hr, "benchmark", 2) + 1


def test_a_model_is_read_once_until_its_file_changes(tmp_path, pixels, tiny, monkeypatch):
    path, array, opened, made = tmp_path / "model.safetensors", pixels(6, 7), [], []
    monkeypatch.setattr(sys.modules[models.cached.__module__], "read", lambda path: opened.append(path) or models.read(path))
    for seed in (0, 1):
        models.save(tiny(seed=seed), path)
        made += [ipe_sr.upscale(array, 2, model=path) for _ in range(2)]
    assert opened == [path, path]
    expected = [ipe_sr.upscale(array, 2, model=tiny(seed=seed)) for seed in (0, 0, 1, 1)]
    assert np.array_equal(made, expected) and not np.array_equal(made[1], made[2])
    assert models.load(path) is not models.load(path), "who loads a model may change it"
    path.unlink()
    with pytest.raises(InputError, match="no such file"):
        ipe_sr.upscale(array, 2, model=path)


def test_a_self_ensemble_is_the_mean_over_eight_views(pixels, tiny):
    model, array = tiny(), pixels(6, 7)
    lr = images.to_tensor(array)[None]
    views = []
    for turns in range(4):
        for mirror in (False, True):
            seen = torch.rot90(lr.flip(-1) if mirror else lr, turns, (-2, -1))
            with torch.no_grad():
                sr = model(seen, (15, 16) if turns % 2 == 0 else (16, 15))
            back = torch.rot90(sr, -turns, (-2, -1))
            views.append(back.flip(-1) if mirror else back)
    mean = torch.stack(views).mean(0)[0]
    assert np.abs(ipe_sr.upscale(array, size=(15, 16), model=model, self_ensemble=True).astype(int)
                  - images.to_pixels(mean).astype(int)).max() <= 1
    assert not torch.allclose(views[0], views[1], atol=1e-3), "the views must differ for this to test anything"


def write(path, array, **options):
    if array.dtype == np.uint16:
        images.write(path, images.Picture(array, options.get("icc_profile")))
    else:
        Image.fromarray(array.squeeze()).save(path, **options)


@pytest.mark.parametrize(("suffix", "channels", "dtype"), [
    (".tif", 1, np.uint16), (".png", 1, np.uint16), (".png", 3, np.uint16), (".tif", 4, np.uint16), (".png", 4, np.uint16),
    (".png", 1, np.uint8), (".png", 2, np.uint8), (".png", 4, np.uint8), (".webp", 4, np.uint8), (".tif", 4, np.uint8),
])
def test_files_keep_depth_channels_and_profile(tmp_path, pixels, icc, suffix, channels, dtype):
    array = pixels(10, 12, channels, dtype)
    source, target = tmp_path / f"in{suffix}", tmp_path / ("out" + suffix.replace("webp", "png"))
    write(source, array, icc_profile=icc, **({"lossless": True, "exact": True} if suffix == ".webp" else {}))
    assert pictures.upscale_file(source, target, 2.5, model="bicubic") == (25, 30)
    result = images.read(target)
    assert close(result.pixels, expected(array, (25, 30)))
    assert result.icc == icc
    if channels in (2, 4):
        alpha = np.ascontiguousarray(array[..., -1])
        assert np.array_equal(result.pixels[..., -1], ipe_sr.upscale(alpha, 2.5, model="bicubic"))


def test_16_bit_files_hold_more_than_8_bits(tmp_path):
    ramp = np.linspace(20000, 20200, 16 * 16).reshape(16, 16).round().astype(np.uint16)
    tifffile.imwrite(tmp_path / "in.tif", ramp)
    pictures.upscale_file(tmp_path / "in.tif", tmp_path / "out.tif", 2, model="bicubic")
    result = images.read(tmp_path / "out.tif").pixels
    assert result.dtype == np.uint16 and len(np.unique(result)) > 100


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".tif"])
def test_files_come_out_upright(tmp_path, pixels, suffix, orientation):
    exif = Image.Exif()
    exif[images.ORIENTATION] = orientation
    source = tmp_path / f"in{suffix}"
    Image.fromarray(pixels(16, 24)).save(source, exif=exif)
    pictures.upscale_file(source, tmp_path / "out.png", 2, model="bicubic")
    with Image.open(source) as opened, Image.open(tmp_path / "out.png") as out:
        upright = np.array(ImageOps.exif_transpose(opened))   # TIFFs are upright already when PIL has loaded them
        assert out.getexif().get(images.ORIENTATION, 1) == 1
        assert close(np.array(out), expected(upright, (upright.shape[0] * 2, upright.shape[1] * 2)))
    assert upright.shape[:2] == ((16, 24) if orientation < 5 else (24, 16))


@pytest.mark.parametrize("scale", [
    0, -2, 0.5, math.nan, math.inf, -math.inf, (2,), (2, 2, 2), (2, 0.5), (math.nan, 2), 1e308, 1e200,
])
def test_bad_scales(pixels, scale):
    with pytest.raises(InputError):
        ipe_sr.upscale(pixels(8, 8), scale)


@pytest.mark.parametrize("size", [(0, 10), (-8, 8), (7, 100), (100, 7), (9.5, 20), (16,), (16, 16, 3)])
def test_bad_sizes(pixels, size):
    with pytest.raises(InputError, match="size"):
        ipe_sr.upscale(pixels(8, 8), size=size)


def test_either_scale_or_size(pixels):
    for both_or_neither in ({}, {"scale": 2, "size": (16, 16)}):
        with pytest.raises(InputError, match="either a scale or a size"):
            ipe_sr.upscale(pixels(8, 8), **both_or_neither)


@pytest.mark.parametrize("model", ["bicubic", "ipe-liif"])
def test_beyond_memory_names_the_estimate(pixels, tiny, model):
    with pytest.raises(InputError, match=r"1000000x1000000 .* [\d,]{5,}\.\d GiB .* are free"):
        ipe_sr.upscale(pixels(8, 8), size=(10**6, 10**6), model=tiny() if model == "ipe-liif" else model)


@pytest.mark.parametrize("image", [
    np.zeros((8, 8, 5), np.uint8), np.zeros(8, np.uint8), np.zeros((8, 8), np.int32), np.zeros((8, 8), bool),
    np.full((8, 8), np.nan),
    torch.zeros(8, 8), torch.zeros(5, 8, 8), torch.zeros(3, 8, 8, dtype=torch.int64), torch.full((3, 8, 8), torch.inf),
    "picture.png", None, Image.new("I", (8, 8)), Image.new("F", (8, 8)),
    np.zeros((0, 8, 3), np.uint8), torch.zeros(3, 8, 0),
], ids=lambda image: f"{type(image).__name__}-{getattr(image, 'shape', image)}"[:40])
def test_bad_pictures(image):
    with pytest.raises(InputError):
        ipe_sr.upscale(image, 2)


def test_bad_dtype_and_device(pixels):
    with pytest.raises(InputError, match="fp32, bf16"):
        ipe_sr.upscale(pixels(8, 8), 2, dtype="int8")
    for device in ("tpu", "cuda:99", ""):
        with pytest.raises(InputError, match="device"):
            ipe_sr.upscale(pixels(8, 8), 2, device=device)


@pytest.mark.parametrize(("source", "target", "options", "word"), [
    ("none.png", "out.png", {}, "no such file"), ("empty.png", "out.png", {}, "empty"), ("cut.png", "out.png", {}, "damaged"),
    ("text.png", "out.png", {}, "not a picture"), ("rgba.png", "out.jpg", {}, "alpha"), ("rgba.png", "out.xyz", {}, "out.xyz"),
    ("rgba.png", "missing/out.png", {}, "missing"), ("rgba.png", "out.png", {"scale": 0}, "scale"),
    ("rgba.png", "out.png", {"scale": math.nan}, "scale"), ("rgba.png", "out.png", {"model": "none"}, "none"),
    ("rgba.png", "out.png", {"size": (10**6, 10**6), "scale": None}, "GiB"), ("rgba.png", "", {}, "suffix"),
])
def test_nothing_is_left_after_a_failure(tmp_path, pixels, source, target, options, word):
    Image.fromarray(pixels(30, 30, 4)).save(tmp_path / "rgba.png")
    (tmp_path / "empty.png").touch()
    (tmp_path / "cut.png").write_bytes((tmp_path / "rgba.png").read_bytes()[:900])
    (tmp_path / "text.png").write_text("Not a picture.", encoding="utf-8")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError, match=word):
        pictures.upscale_file(tmp_path / source, tmp_path / target, **{"scale": 2} | options)
    assert sorted(tmp_path.rglob("*")) == before
