"""The pictures behind the sliders of the notebooks.

Each demo is a pair of pure functions of the sliders' state: the one draws pixels (H, W, 3) uint8, the other (`..._readout`)
writes the line of numbers that stands beside them. `trained` and `forest` make matplotlib figures for the experiments,
and `pipeline` draws the map that opens the notebooks.
"""

from ipe_sr.demos import diagrams, shapes, waves
from ipe_sr.demos.ablations import forest, runs_of
from ipe_sr.demos.decoder import one_query, one_query_readout
from ipe_sr.demos.enlarging import enlarged_part, enlarged_part_readout, measured
from ipe_sr.demos.ensemble import four_codes, four_codes_readout
from ipe_sr.demos.features import pixel_features, pixel_features_readout
from ipe_sr.demos.field import field_pixel, field_pixel_readout
from ipe_sr.demos.fits import spectral_bias, spectral_bias_readout
from ipe_sr.demos.generality import generated_filter, generated_filter_readout
from ipe_sr.demos.ipe_liif import surviving_waves, surviving_waves_readout
from ipe_sr.demos.lessons import four_lessons
from ipe_sr.demos.live_training import live_training, live_training_readout, with_play
from ipe_sr.demos.photo import own_picture, photo_view, photo_view_readout, with_upload
from ipe_sr.demos.pipeline import pipeline, show_map
from ipe_sr.demos.shapes import pixel_encoding, pixel_encoding_readout, wave_and_mean
from ipe_sr.demos.side_by_side import wipe, wipe_readout
from ipe_sr.demos.sweep import ablation, with_stale_run
from ipe_sr.demos.told import told_size, told_size_readout
from ipe_sr.demos.trained import cats_eye, crops, learning_curve
from ipe_sr.demos.waves import (
    aliasing,
    aliasing_readout,
    footprint,
    footprint_readout,
    sampling,
    sampling_readout,
)

__all__ = [
    "ablation", "aliasing", "aliasing_readout", "cats_eye", "crops", "diagrams", "enlarged_part",
    "enlarged_part_readout", "field_pixel", "field_pixel_readout", "footprint",
    "footprint_readout", "forest", "four_codes", "four_codes_readout", "four_lessons", "generated_filter",
    "generated_filter_readout", "learning_curve", "live_training", "live_training_readout", "measured",
    "one_query", "one_query_readout", "own_picture", "photo_view", "photo_view_readout",
    "pipeline", "pixel_encoding", "pixel_encoding_readout", "pixel_features",
    "pixel_features_readout", "runs_of", "sampling", "sampling_readout", "shapes", "show_map",
    "spectral_bias", "spectral_bias_readout", "surviving_waves", "surviving_waves_readout", "told_size", "told_size_readout",
    "wave_and_mean", "waves", "wipe", "wipe_readout", "with_play", "with_stale_run", "with_upload",
]
