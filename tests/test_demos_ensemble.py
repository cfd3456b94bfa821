"""The figures of notebook 07: where curves are cut, what the band below them shows, and the colours of the maps."""

import numpy as np
import torch

from ipe_sr.demos import ensemble


def test_a_walk_cuts_the_named_curves_at_borders_and_shows_the_pixels_below_it():
    x = torch.arange(1.5, 4.0, 0.25, dtype=torch.float64)
    path = torch.stack([torch.full_like(x, 2.2), x], -1)
    lr = torch.rand(3, 6, 6, generator=torch.Generator().manual_seed(0))
    fig = ensemble.along_a_walk(lr, path, {"cut": x, "whole": x + 1}, cut=["cut"])
    picture, along = fig.axes
    np.testing.assert_array_equal(picture.get_lines()[0].get_xydata(), path.flip(-1))
    cut, whole = (line.get_ydata() for line in along.get_lines()[:2])
    assert [x[i].item() for i in np.flatnonzero(np.isnan(cut))] == [2.25, 3.25]   # the last steps before 2.5 and 3.5
    np.testing.assert_array_equal(whole, x + 1)
    assert [line.get_xdata()[0] for line in along.get_lines()[2:]] == [2.5, 3.5]
    band = along.get_images()[0]
    np.testing.assert_array_equal(band.get_array()[0], (255 * lr[:, 2, 2:5]).round().byte().T)
    assert [*band.get_extent()][:2] == [1.5, 4.5]


def test_one_two_and_four_latent_codes_have_three_colours():
    different = torch.tensor([[1, 2], [2, 4]])
    fig = ensemble.at_the_border(different, different / 2, (2, 2))
    shown = fig.axes[0].get_images()[0]
    colours = shown.cmap(shown.norm(shown.get_array())).reshape(4, -1)
    assert len(np.unique(colours, axis=0)) == 3
    assert fig.axes[1].get_images()[0].get_clim() == (0, 2)
