import contextlib
import dataclasses
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from PIL import Image

from ipe_sr import grids
from ipe_sr.errors import InputError
from ipe_sr.imaging import datasets, resample
from ipe_sr.training.batches import Sampler, Store, ahead


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder, random = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    for name, shape in {"a.png": (70, 90, 3), "b.png": (81, 64, 3), "c.png": (64, 64)}.items():
        Image.fromarray(random.integers(0, 256, shape, dtype=np.uint8)).save(folder / name)
    return sorted(folder.iterdir())


@pytest.fixture
def store(pictures, tmp_path):
    return Store.of(pictures, tmp_path / "cache")


def sampler(store, **options):
    return Sampler(**({"store": store, "batch": 3, "patch": 8, "queries": 40, "scales": (1, 4), "seed": 5} | options))


def test_the_store_holds_the_pixels(store, pictures, tmp_path):
    for i, path in enumerate(pictures):
        np.testing.assert_array_equal(store.picture(i).numpy(), np.array(Image.open(path).convert("RGB")))
    again = Store.of(reversed(pictures), tmp_path / "cache")
    assert again.index == store.index and torch.equal(again.pixels, store.pixels)
    assert sorted(path.suffix for path in (tmp_path / "cache").iterdir()) == [".json", ".lock", ".uint8"], "decoded once"


def test_processes_that_start_together_decode_once(pictures, tmp_path, monkeypatch):
    """The second waits for the first, then finds the store complete."""
    decoded, read = [], datasets.colours
    monkeypatch.setattr(datasets, "colours", lambda path: decoded.append(path) or read(path))
    with ThreadPoolExecutor(4) as pool:
        stores = list(pool.map(lambda _: Store.of(pictures, tmp_path / "cache"), range(4)))
    assert sorted(decoded) == pictures and all(store.index == stores[0].index for store in stores)


def test_a_cut_store_is_noticed(pictures, tmp_path):
    Store.of(pictures, tmp_path)
    cut = next(tmp_path.glob("*.uint8"))
    cut.write_bytes(cut.read_bytes()[:-1])
    with pytest.raises(InputError, match="delete it"):
        Store.of(pictures, tmp_path)
    cut.unlink()
    assert len(Store.of(pictures, tmp_path)) == 3


def test_a_cache_that_cannot_be_made(pictures, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="file/cache: cannot be made a folder"):
        Store.of(pictures, tmp_path / "file" / "cache")


def test_a_store_moves_to_a_gpu_that_has_room(store, monkeypatch):
    """A store may take half of the free memory."""
    assert store.near(torch.device("cpu")) is store
    gpu = torch.device("cuda", 0)
    monkeypatch.setattr(torch.Tensor, "to", lambda self, device: self.clone() if device == gpu else self)
    for free, moves in ((2 * store.pixels.numel(), True), (2 * store.pixels.numel() - 1, False)):
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device, free=free: (free, free))
        assert (store.near(gpu) is not store) == moves


def test_batches_depend_on_seed_and_step_alone(store):
    first, second = sampler(store), sampler(store)
    second(0)
    assert same(first(7), second(7))
    assert not torch.equal(first(7).lr, first(8).lr)
    assert not torch.equal(first(7).lr, sampler(store, seed=6)(7).lr)


def test_shares_of_a_batch_make_the_batch(store):
    make = sampler(store, batch=4)
    whole, even, odd = make(3), make(3, range(0, 4, 2)), make(3, range(1, 4, 2))
    assert torch.equal(whole.colour[0::2], even.colour) and torch.equal(whole.colour[1::2], odd.colour)


def test_a_batch_is_what_it_says(store):
    """Every crop is found in its picture under one of the eight symmetries, and its LR patch and positions fit it."""
    batch = sampler(store, queries=64)(2)
    assert batch.lr.shape == (3, 3, 8, 8) and batch.position.shape == (3, 64, 2) and batch.radius.shape == (3, 1, 2)
    for b, n in enumerate(batch.sizes):
        assert 8 <= n <= 32
        assert len(batch.pixel[b].unique()) == 64, "without replacement"
        centres = grids.centres(n, 8)
        expected = torch.stack([centres[batch.pixel[b] // n], centres[batch.pixel[b] % n]], -1)
        assert torch.equal(batch.position[b], expected)
        assert torch.equal(batch.radius[b, 0], grids.radii((n, n), (8, 8)))
        assert crop_is_somewhere(store, batch, b, n)


def crop_is_somewhere(store, batch, b, n):
    colour, pixel = (batch.colour[b] * 255).round(), batch.pixel[b]
    y, x = pixel // n, pixel % n
    for i in range(len(store)):
        picture = store.picture(i).float()
        for turned in (picture, picture.transpose(0, 1)):
            for flipped in (turned, turned.flip(0), turned.flip(1), turned.flip(0, 1)):
                for top in range(flipped.shape[0] - n + 1):
                    rows = flipped[top + y[0], x[0] : x[0] + flipped.shape[1] - n + 1]
                    for left in (rows == colour[0]).all(1).nonzero()[:, 0]:
                        crop = flipped[top : top + n, left : left + n]
                        if torch.equal(crop[y, x], colour):
                            lr = resample.bicubic(crop.movedim(-1, 0), (8, 8)).round().clamp(0, 255)
                            return (lr - batch.lr[b] * 255).abs().max() <= 1   # a tie may round either way
    return False


def test_scales_are_uniform_and_symmetries_balanced(store):
    make = sampler(store, queries=4)
    sizes = torch.tensor([size for step in range(60) for size in make(step).sizes]).float()
    assert abs(sizes.mean() - 20) < 1.6 and sizes.min() <= 9 and sizes.max() >= 31


def test_reduced_pictures_are_averages_of_what_they_were(tmp_path):
    """Crops of stripes one pixel wide are black and white; reduced by two, they are gray."""
    stripes = np.zeros((80, 80, 3), np.uint8)
    stripes[:, ::2] = 255
    Image.fromarray(stripes).save(tmp_path / "stripes.png")
    of_stripes = Store.of([tmp_path / "stripes.png"], tmp_path / "cache")
    assert sampler(of_stripes)(0).colour.unique().tolist() == [0, 1]
    reduced = sampler(of_stripes, reduction=2, queries=64)
    batches = [reduced(step) for step in range(20)]
    gray = torch.stack([(batch.colour - 0.5).abs().median(1).values.amax(-1) < 0.05 for batch in batches])      # (20, 3)
    sizes = torch.tensor([batch.sizes for batch in batches])
    assert 15 < gray.sum() < 45, "half of the pictures"
    assert sizes[gray].min() < 12 and sizes[gray].max() > 28, "at all scales"


def test_pictures_are_reduced_as_far_as_they_are_large_enough(store):
    batch = sampler(store, reduction=1000, scales=(7.5, 8), batch=8)(0)   # crops of 60 to 64 pixels, pictures of 64 to 90
    plain = sampler(store, scales=(7.5, 8), batch=8)(0)
    assert same(batch, plain)


@pytest.mark.parametrize(("options", "message"), [({"queries": 65}, "only 64 pixels"), ({"patch": 17}, "68x68 are due")])
def test_impossible_batches_are_refused(store, options, message):
    with pytest.raises(InputError, match=message):
        sampler(store, **options)


def same(a, b):
    pairs = [(getattr(a, field.name), getattr(b, field.name)) for field in dataclasses.fields(a)]
    return all(torch.equal(x, y) if isinstance(x, torch.Tensor) else x == y for x, y in pairs)


def threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith("batches")]


@pytest.mark.parametrize("depth", [0, 1, 3, 20])
def test_batches_made_ahead_are_the_same(store, depth):
    make = sampler(store)
    made = list(ahead(make, range(4, 12), depth))
    assert len(made) == 8 and all(same(batch, make(step)) for batch, step in zip(made, range(4, 12), strict=True))
    assert not threads()


def test_no_more_are_made_ahead_than_asked():
    made = []
    with contextlib.closing(ahead(made.append, range(100), 3)) as batches:
        next(batches)
        assert len(threads()) == 1 and len(made) <= 4
        for _ in range(5):
            next(batches)
    assert not threads() and 6 <= len(made) <= 9 and made == list(range(len(made)))


def test_without_a_thread_nothing_is_made_ahead():
    made = []
    batches = ahead(made.append, range(100), 0)
    next(batches)
    assert made == [0] and not threads()


@pytest.mark.parametrize("depth", [0, 3])
def test_an_error_comes_out_where_its_batch_was_due(depth):
    batches = ahead(lambda step: 1 / (2 - step), range(5), depth)
    assert (next(batches), next(batches)) == (0.5, 1)
    with pytest.raises(ZeroDivisionError):
        next(batches)
    assert not threads()
