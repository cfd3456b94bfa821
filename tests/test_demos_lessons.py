"""The still figures of notebook 09: four lessons, and the cat's eye by trained networks."""

import numpy as np

from ipe_sr import demos, models
from ipe_sr.demos.lessons import LESSONS, PATCH
from ipe_sr.imaging import resample


def test_each_lesson_is_a_crop_its_turned_version_with_dots_inside_and_the_lr_patch_of_it():
    axes = np.reshape(demos.four_lessons().axes, (3, len(LESSONS)))
    for (whole, turned, shrunk), (*_, n, flipped, transposed) in zip(axes.T, LESSONS, strict=True):
        crop, turn, lr = (ax.images[0].get_array() for ax in (whole, turned, shrunk))
        back = turn.swapaxes(0, 1) if transposed else turn
        np.testing.assert_array_equal(np.flip(back, flipped), crop)
        np.testing.assert_array_equal(lr, resample.imresize(np.asarray(turn), (PATCH, PATCH)))
        x, y = turned.lines[0].get_data()
        assert len(set(zip(x, y, strict=True))) == len(x) == 231
        assert min(*x, *y) >= 0 and max(*x, *y) < n


def test_the_cats_eye_names_each_network_and_its_psnr():
    plain = models.load("bicubic")
    titles = [ax.get_title() for ax in demos.cats_eye({"a copy": plain}).axes]
    known = titles[0].removeprefix("bicubic\n")
    assert titles == [f"bicubic\n{known}", f"a copy\n{known}", "original\n"]
    assert 27 < float(known.removesuffix(" dB")) < 28
