"""Law C: the engine's logits on a forced token stream are those of Hugging Face's Llama with the same weights."""

import pytest
import torch

from models.ar.shapes import TransformerShape
from models.ar.transformer import VideoTransformer
from models.decoding.engine import Engine
from models.decoding.grid import Grid
from models.decoding.sampling import Sampler
from tests.models.decoding.helpers import given, tables


@pytest.mark.full
def test_sequential_logits_equal_llama() -> None:
    from transformers import LlamaConfig, LlamaForCausalLM

    shape = TransformerShape(
        image_vocabulary=23, vocabulary=26, hidden=32, mlp=48, layers=3, heads=4, kv_heads=2, head_dim=8
    )
    config = LlamaConfig(
        vocab_size=shape.vocabulary,
        hidden_size=shape.hidden,
        intermediate_size=shape.mlp,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads,
        head_dim=shape.head_dim,
        rms_norm_eps=shape.norm_eps,
        rope_theta=shape.rope_theta,
        tie_word_embeddings=False,
        attn_implementation="eager",
    )
    ours = VideoTransformer(shape).reset(torch.Generator().manual_seed(2)).eval()
    with torch.no_grad():
        for parameter in ours.parameters():
            if parameter.dim() > 1:
                parameter.mul_(6)
    theirs = LlamaForCausalLM(config).eval()
    renamed = {f"model.{k}" if not k.startswith("lm_head") else k: v for k, v in ours.state_dict().items()}
    theirs.load_state_dict(renamed, strict=True)

    grid = Grid(frames=2, rows=3, columns=4, actions=2, prompt_frames=1)
    prompt = given(grid)
    forced = torch.randint(23, (1, 2, 12), generator=torch.Generator().manual_seed(5))
    got = Engine(ours, tables("sequential", grid), Sampler()).generate(prompt, [1], forced=forced, trace=True).logits
    filled = prompt.clone()
    slots = [grid.slot(f, 0, 0) + i for f in range(2) for i in range(12)]
    filled[:, slots] = forced.view(1, -1)
    with torch.inference_mode():
        wanted = theirs(filled).logits[:, [s - 1 for s in slots], :23]
    assert torch.allclose(got, wanted, rtol=1e-4, atol=1e-5 * float(wanted.abs().max()))
    assert float(wanted.std()) > 0.1
