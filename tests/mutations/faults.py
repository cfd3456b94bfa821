"""The faults: plausible mistakes of one line, in the package or in a notebook."""

from dataclasses import dataclass

ENCODINGS, GRIDS, METRICS = "ipe_sr/encodings.py", "ipe_sr/grids.py", "ipe_sr/imaging/metrics.py"
DECODERS, IMPLICIT, LIIF = "ipe_sr/models/decoders.py", "ipe_sr/models/implicit.py", "ipe_sr/models/liif.py"
PIXELS, SPECTRAL = "notebooks/01_pixels_are_areas.ipynb", "notebooks/02_positional_encoding_and_spectral_bias.ipynb"
IPE, MONTE_CARLO = "notebooks/03_integrated_positional_encoding.ipynb", "notebooks/04_monte_carlo_versus_closed_form.ipynb"
FEATURES, DECODER = "notebooks/05_from_image_to_features.ipynb", "notebooks/06_the_liif_decoder.ipynb"
ENSEMBLE, NETWORK = "notebooks/07_the_local_ensemble.ipynb", "notebooks/08_ipe_liif.ipynb"
TRAINING = "notebooks/09_training.ipynb"
RESAMPLE, METASR, FOOTPRINTS = "ipe_sr/imaging/resample.py", "ipe_sr/models/metasr.py", "ipe_sr/footprints.py"
EXACT_FIELD, FIELD = "notebooks/14_the_exact_field.ipynb", "ipe_sr/models/field.py"
OWN_PICTURE = "notebooks/15_your_own_picture.ipynb"


@dataclass(frozen=True)
class Fault:
    """One mistake.

    file: its path from the repository's root.   right: text that the file, or a notebook's code cells, holds exactly once.
    wrong: the text that replaces it; one line differs.   notebook: the number of the notebook whose checks must catch it.
    """

    name: str
    file: str
    right: str
    wrong: str
    notebook: str


FAULTS = (
    Fault("pixel means by sinc of the frequency alone", PIXELS, "np.sinc(f * 4)", "np.sinc(f)", "01"),
    Fault("half a pixel forgotten", GRIDS, "((2 * i + 1) * n_in - n_out).double()", "(2 * i * n_in).double()", "01"),
    Fault("PSNR of the maximum 255", METRICS, "-10 * math.log10(error)", "-10 * math.log10(error / 255**2)", "01"),
    Fault("Eq. 3 without its cosines", SPECTRAL, "[phase.sin(), phase.cos()], -2)", "[phase.sin(), phase.sin()], -2)", "02"),
    Fault("kernel of a network: one layer forgotten", SPECTRAL, "return 2 * cosine * away", "return cosine * away", "02"),
    Fault("sign in Eq. 5", IPE, "phase.cos() * damping]", "-phase.cos() * damping]", "03"),
    Fault("sines and cosines exchanged", ENCODINGS, "(phase.sin(), phase.cos())", "(phase.cos(), phase.sin())", "03"),
    Fault("quadrature weights of an edge 2 long", ENCODINGS, "(at, weights / 2)", "(at, weights)", "03"),
    Fault("Gaussian of the variance r^2", ENCODINGS, "(t**2) / 6)", "(t**2) / 2)", "03"),
    Fault("tent of one box alone", ENCODINGS, "box_damping(t / 2) ** 2", "box_damping(t / 2)", "03"),
    Fault("bicubic kernel with another cosine", ENCODINGS, "(3 * sinc - 2 * t.cos())", "(2 * sinc - t.cos())", "03"),
    Fault("sampler of half the pixel, in the notebook", MONTE_CARLO, "radius[:, None] * (2 * unit - 1)",
          "radius[:, None] * unit", "04"),
    Fault("sampler of half the pixel, in the package", ENCODINGS, "* (2 * unit - 1)", "* unit", "04"),
    Fault("sign in Eq. 5, in the package", ENCODINGS,
          "_join(phase.sin() * factor, phase.cos() * factor)", "_join(phase.sin() * factor, -phase.cos() * factor)", "04"),
    Fault("sinc without its argument's radius", ENCODINGS, "damping(radius[..., None] * frequencies)",
          "damping(frequencies)", "04"),
    Fault("sinc of another convention", ENCODINGS, "torch.sinc(t / math.pi)", "torch.sinc(t)", "04"),
    Fault("centres without the last half", FEATURES, "+ 0.5) * n_in / n_out - 0.5", "+ 0.5) * n_in / n_out", "05"),
    Fault("unfolding: places before channels", FEATURES, "torch.stack(shifted, 2)", "torch.stack(shifted, 1)", "05"),
    Fault("the code above and to the left for the nearest", DECODER, "centre = (position + 0.5).floor()",
          "centre = position.floor()", "06"),
    Fault("the same in the package", GRIDS, "code = (position + 0.5).floor()", "code = position.floor()", "06"),
    Fault("the radius for the cell", DECODER, "cell = 2 * radius if", "cell = radius if", "06"),
    Fault("cell times 2", LIIF, "(2 * radius).expand_as(offset)", "(4 * radius).expand_as(offset)", "06"),
    Fault("unfolding order of the package", IMPLICIT, "F.unfold(features, 3, padding=1).transpose(1, 2)",
          "F.unfold(features, 3, padding=1).unflatten(1, (-1, 9)).permute(0, 3, 2, 1).flatten(2)", "06"),
    Fault("colours not centred for the encoder", IMPLICIT, "self.encoder(lr * 2 - 1)", "self.encoder(lr)", "06"),
    Fault("ensemble weights not swapped, in the notebook", ENSEMBLE, "length.flip(-2) / total", "length / total", "07"),
    Fault("ensemble weights not swapped, in the package", GRIDS, "distance.flip(-1) / total", "distance / total", "07"),
    Fault("frequencies from 2 on", ENCODINGS, "* 2.0**exponents", "* 2.0 ** (exponents + 1)", "07"),
    Fault("radius 2/s", GRIDS, "[n_in / n_out for", "[2 * n_in / n_out for", "08"),
    Fault("skip input dropped, in the notebook", NETWORK, "torch.cat([h, x], -1) if self.skip",
          "torch.cat([h, 0 * x], -1) if self.skip", "08"),
    Fault("skip input dropped, in the package", DECODERS, "torch.cat([h, x], -1) if self.skip",
          "torch.cat([h, 0 * x], -1) if self.skip", "08"),
    Fault("Adam: both means corrected alike", TRAINING, "v / (1 - betas[1]**t)", "v / (1 - betas[0]**t)", "09"),
    Fault("shave dropped", METRICS, "return tuple(x[..., n : x.shape[-2] - n, n : x.shape[-1] - n] for x in (sr, hr))",
          "return sr, hr", "10"),
    Fault("luma coefficients exchanged", METRICS, "(65.481 / 255, 128.553 / 255, 24.966 / 255)",
          "(24.966 / 255, 128.553 / 255, 65.481 / 255)", "10"),
    Fault("MATLAB's border wrapped, not mirrored", RESAMPLE, "index = np.minimum(index, 2 * n_in - 1 - index)",
          "index = index % n_in", "10"),
    Fault("MetaSR told the height's scale", METASR, "radius.prod(-1, keepdim=True).sqrt()", "radius[..., :1]", "12"),
    Fault("MetaSR told the centre for the corner", METASR, "self.pixel(offset, radius) - radius + 1",
          "self.pixel(offset, radius) + 1", "12"),
    Fault("waves damped along one axis alone", EXACT_FIELD, "w / math.pi).prod(-1)", "w / math.pi)[..., 0]", "14"),
    Fault("parts of equal shares", EXACT_FIELD, "share = length / length", "share = (length > 0) / (length > 0)", "14"),
    Fault("parts of equal shares, in the package", FIELD, "torch.where(whole > 0, length / whole,",
          "torch.where(whole > 0, (length > 0) / (length > 0).sum(-1, keepdim=True),", "14"),
    Fault("parts measured in LR pixels, in the package", FIELD, "start + end - 2 * index, length, weight",
          "(start + end) / 2 - index, length, weight", "14"),
    Fault("parallelogram of one edge, in the notebook", OWN_PICTURE, "sincs[..., 0, :, :] * sincs[..., 1, :, :]",
          "sincs[..., 0, :, :]", "15"),
    Fault("parallelogram of one edge, in the package", FOOTPRINTS, "damping = a * b", "damping = a", "15"),
)
