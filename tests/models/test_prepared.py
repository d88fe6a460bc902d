"""Prepared weights: the same function as the module's, in every type, whatever was packed."""

import pytest
import torch

from harness import products
from models.ar.attention import causal_attention
from models.ar.prepared import PreparedTransformer
from models.ar.shapes import TransformerShape
from models.ar.transformer import VideoTransformer, rotary_table


def model(tied: bool, position: str = "1d") -> VideoTransformer:
    shape = TransformerShape(
        image_vocabulary=300, vocabulary=310, hidden=256, mlp=320, layers=2, heads=8, kv_heads=4, head_dim=32,
        tied=tied, position=position,
    )  # fmt: skip
    made = VideoTransformer(shape).reset(torch.Generator().manual_seed(3)).eval()
    with torch.no_grad():
        for parameter in made.parameters():
            noise = torch.randn(parameter.shape, generator=torch.Generator().manual_seed(4))
            parameter.add_(0.1 * noise) if parameter.dim() == 1 else parameter.mul_(3)
    return made


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("position", ["1d", "3d"])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-5), (torch.bfloat16, 0.1)])
def test_it_is_the_same_function(tied: bool, position: str, dtype: torch.dtype, tolerance: float) -> None:
    module = model(tied, position).to(dtype)
    axes = 1 if position == "1d" else 3
    positions = torch.arange(17 * axes).view(17, axes)
    tokens = torch.randint(310, (2, 17), generator=torch.Generator().manual_seed(1))
    rotary = rotary_table(module.shape, positions, dtype)
    with torch.inference_mode():
        wanted = module(tokens, rotary, causal_attention)
        prepared = PreparedTransformer(module, release=True)
        got = prepared(tokens, rotary, causal_attention)
    assert float((got - wanted).abs().max()) <= tolerance * float(wanted.abs().max())
    held = [name for name, parameter in module.named_parameters() if parameter.numel() and name != "norm.weight"]
    assert held == [], "weights are held twice"
    assert prepared.weight_bytes == module.shape.parameters * dtype.itemsize


def test_large_float32_matrices_are_packed_and_others_are_not() -> None:
    assert not products.packs(torch.zeros(512, 512, dtype=torch.float64))
    assert not products.packs(torch.zeros(16, 16))
    if not torch.backends.mkldnn.is_available():
        pytest.skip("this torch is built without oneDNN, so nothing is packed")
    assert products.packs(torch.zeros(512, 512))


@pytest.mark.parametrize("rows", [1, 2, 5, 64])
def test_a_packed_product_is_the_plain_one(rows: int) -> None:
    generator = torch.Generator().manual_seed(0)
    weight, x = torch.randn(384, 272, generator=generator), torch.randn(3, rows, 272, generator=generator)
    wanted = (x.double() @ weight.double().T).float()
    assert torch.allclose(products.resident_product(weight)(x), wanted, rtol=1e-4, atol=1e-4)


def test_where_the_operators_are_missing_the_plain_product_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    products._works.cache_clear()
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    weight = torch.randn(512, 512, generator=torch.Generator().manual_seed(0))
    assert not products.packs(weight)
    assert torch.equal(products.resident_product(weight)(weight[:2]), torch.nn.functional.linear(weight[:2], weight))
    products._works.cache_clear()
