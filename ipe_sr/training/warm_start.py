"""Start a model from another model's weights.

Copies identical parts; translates a LIIF decoder with another pixel encoding by least squares.
"""

import torch
from torch import Tensor, nn

from ipe_sr.models.decoders import MLP
from ipe_sr.models.liif import LIIF

SAMPLES = 1 << 16   # random pixels at which the two encodings are compared
RIDGE = 1e-6        # ridge regression: keeps the weights of frequencies small that the translation does not need
SHARED_OPTIONS = ("unfold", "ensemble", "depth", "width", "encoder")   # must be equal for a decoder to be translated


def encoder(model: nn.Module, source: nn.Module) -> None:
    """Copy the source's encoder into `model`. Raises ValueError unless both encoders have the same config."""
    if not hasattr(source, "encoder"):
        raise ValueError("holds no encoder")
    if source.config.encoder != model.config.encoder:
        raise ValueError(f"holds another encoder than the model: {source.config.encoder}, not {model.config.encoder}")
    model.encoder.load_state_dict(source.encoder.state_dict())


def decoder(model: nn.Module, source: nn.Module, scales: tuple[float, float]) -> None:
    """Copy the source's decoder into `model` if both have the same config; else translate it, if both are LIIF models.

    A translated decoder computes nearly the same colours from another encoding of the pixel. The first layer is linear in
    the encoding. So each number of the source's encoding (the pixel's coordinate and size, say) is written as a linear
    combination of the numbers of the model's encoding, and these combinations go into the weights of the first layer. They
    come from a least-squares fit over random pixels of these scales. The weights of skip connections start at zero.

    scales: lowest and highest.   Raises ValueError unless source and model are LIIF models that agree in `SHARED_OPTIONS`
    and the source has no skip connections.
    """
    if source.config == model.config:
        copied = {name: tensor for name, tensor in source.state_dict().items() if not name.startswith("encoder.")}
        model.load_state_dict(copied, strict=False)
        return
    if not isinstance(model, LIIF):
        raise ValueError("holds another config than the model; only the decoder of a LIIF model can start from another config")
    if not isinstance(source, LIIF) or source.config.skip:
        raise ValueError("holds no LIIF model without skip connections; only such a decoder can be translated")
    for name in SHARED_OPTIONS:
        ours, theirs = getattr(model.config, name), getattr(source.config, name)
        if ours != theirs:
            raise ValueError(f"holds a decoder of another {name} than the model: {theirs}, not {ours}")
    translation = _translation(model, source, scales)                              # (P + 1, P of the source)
    with torch.no_grad():
        _start_first_layer(model.decoder.hidden[0], source.decoder.hidden[0], translation)
        for layer, given in zip(_later_layers(model.decoder), _later_layers(source.decoder), strict=True):
            layer.weight.zero_()[:, : given.in_features] = given.weight
            layer.bias.copy_(given.bias)


def _translation(model: LIIF, source: LIIF, scales: tuple[float, float]) -> Tensor:
    """Least-squares map from the model's encoding of a pixel and a constant 1 to the source's: (P + 1, P of the source)."""
    random = torch.Generator().manual_seed(0)
    low, high = scales
    # The local ensemble weights a latent code less, linearly, the farther the pixel is from it. The sum of two uniform
    # numbers has this triangular density.
    centre = torch.rand(SAMPLES, 2, 2, generator=random).sum(-1) * 2 - 2           # (N, 2), in [-2, 2]
    radius = (1 / (low + (high - low) * torch.rand(SAMPLES, 1, generator=random))).expand(-1, 2)
    encoded = torch.cat([model.describe(centre, radius), torch.ones(SAMPLES, 1)], -1).double()
    target = source.describe(centre, radius).double()
    gram = encoded.T @ encoded / SAMPLES
    return torch.linalg.solve(gram + RIDGE * torch.eye(len(gram)), encoded.T @ target / SAMPLES)


def _start_first_layer(layer: nn.Linear, given: nn.Linear, translation: Tensor) -> None:
    """Set a first layer from the source's. Its inputs are the latent code's D numbers, then the encoded pixel's."""
    features = given.in_features - translation.shape[1]                            # D
    weight = given.weight[:, features:].double() @ translation.T                   # (width, P + 1), the constant's weight last
    layer.weight[:, :features] = given.weight[:, :features]
    layer.weight[:, features:] = weight[:, :-1]
    layer.bias.copy_(given.bias + weight[:, -1])


def _later_layers(mlp: MLP) -> list[nn.Linear]:
    return [*mlp.hidden[1:], mlp.output]
