"""Start a model from another's weights: what is alike as it is, a decoder of the LIIF family as nearly as codes allow."""

import torch
from torch import Tensor, nn

from ipe_sr.models.decoders import MLP
from ipe_sr.models.liif import LIIF

SAMPLES = 1 << 16   # pixels at which two ways to describe them are compared
RIDGE = 1e-6        # keeps unneeded frequencies small


def encoder(model: nn.Module, source: nn.Module) -> None:
    """Take over an encoder. Raises ValueError unless both are of one kind and size."""
    if not hasattr(source, "encoder") or source.config.encoder != model.config.encoder:
        raise ValueError(f"holds another encoder than the {model.config.encoder} that is asked for")
    model.encoder.load_state_dict(source.encoder.state_dict())


def decoder(model: nn.Module, source: nn.Module, scales: tuple[float, float]) -> None:
    """Give `model` the decoder of a source with the same config; of another, one that computes nearly what that does, though
    it is told of a pixel in another code.

    The layers are linear in the code, so it is enough to express the numbers that the source reads of a pixel (its place
    and size, say) by those that the model reads, as well as a linear map can over pixels of these scales; weights of a
    skip begin at zero. Raises ValueError unless both are LIIF with features, width and depth alike, the source without skip.
    """
    if source.config == model.config:
        theirs = {name: tensor for name, tensor in source.state_dict().items() if not name.startswith("encoder.")}
        model.load_state_dict(theirs, strict=False)
        return
    alike = ("unfold", "ensemble", "depth", "width", "encoder")
    if not isinstance(source, LIIF) or source.config.skip or not isinstance(model, LIIF):
        raise ValueError("a decoder starts from a LIIF without skip, and so does one of the LIIF family only")
    if different := [name for name in alike if getattr(source.config, name) != getattr(model.config, name)]:
        raise ValueError(f"its decoder has another {different[0]} than the model that is asked for")
    translation = _translation(model, source, scales)                              # (code + 1, source's code)
    features = source.decoder.hidden[0].in_features - source.config.code_width
    with torch.no_grad():
        _start_first_layer(model.decoder.hidden[0], source.decoder.hidden[0], features, translation)
        for mine, given in zip(_later(model.decoder), _later(source.decoder), strict=True):
            mine.weight.zero_()[:, : given.in_features] = given.weight
            mine.bias.copy_(given.bias)


def _translation(model: LIIF, source: LIIF, scales: tuple[float, float]) -> Tensor:
    """The linear map, with a constant, that best turns the model's code of a pixel into the source's (least squares)."""
    random = torch.Generator().manual_seed(0)
    low, high = scales
    # The area weights of the local ensemble make a code count less, linearly, the farther away it is: two uniform numbers' sum.
    centre = torch.rand(SAMPLES, 2, 2, generator=random).sum(-1) * 2 - 2           # (N, 2), in [-2, 2]
    radius = (1 / (low + (high - low) * torch.rand(SAMPLES, 1, generator=random))).expand(-1, 2)
    have = torch.cat([model.describe(centre, radius), torch.ones(SAMPLES, 1)], -1).double()
    want = source.describe(centre, radius).double()
    gram = have.T @ have / SAMPLES
    return torch.linalg.solve(gram + RIDGE * torch.eye(len(gram)), have.T @ want / SAMPLES)


def _start_first_layer(mine: nn.Linear, given: nn.Linear, features: int, translation: Tensor) -> None:
    code = given.weight[:, features:].double() @ translation.T                     # (width, code + 1)
    mine.weight[:, :features] = given.weight[:, :features]
    mine.weight[:, features:] = code[:, :-1]
    mine.bias.copy_(given.bias + code[:, -1])


def _later(mlp: MLP) -> list[nn.Linear]:
    return [*mlp.hidden[1:], mlp.output]
