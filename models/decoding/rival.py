"""The same weights in Hugging Face's Llama, decoding the same forced tokens: what the engine is held against."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from models.ar.transformer import VideoTransformer
from models.checkpoints.keys import HUGGING_FACE, original
from models.checkpoints.llama import llama_config


class Llama:
    """``transformers``' Llama, sharing the module's weights.

    Args:
        model: The transformer, with 1-d rotary positions.
        slots: Longest sequence.

    Raises:
        ImportError: ``transformers`` is not installed.
    """

    def __init__(self, model: VideoTransformer, slots: int) -> None:
        from transformers import LlamaConfig, LlamaForCausalLM

        weight = model.embed_tokens.weight
        self.config = LlamaConfig(**llama_config(model.shape), max_position_embeddings=slots)
        with torch.device("meta"):
            module: Any = LlamaForCausalLM(self.config)
        named = {original(name, HUGGING_FACE): value for name, value in model.state_dict().items()}
        module.load_state_dict(named, strict=True, assign=True)
        module.model.rotary_emb = type(module.model.rotary_emb)(self.config)  # made on meta, and no part of the state
        self.module = module.to(weight.device).eval()
        self._compiled: Any = None
        self._slots, self._device = slots, weight.device

    def decode(self, sequence: Tensor, prompt_slots: int, how: str) -> Tensor:
        """Feed a sequence: the prompt at once, then token by token with a cache.

        Args:
            sequence: ``[1, slots]``.
            prompt_slots: How many of it are the prompt.
            how: ``"dynamic"`` or ``"static"`` (cache), or ``"compiled"``: a static cache, the step compiled.

        Returns:
            Logits of the last step, ``[vocabulary]``.
        """
        with warnings.catch_warnings():
            # newer versions call the argument otherwise; this name is the one that all of them take
            warnings.simplefilter("ignore", FutureWarning)
            return self._decode(sequence, prompt_slots, how)

    def _decode(self, sequence: Tensor, prompt_slots: int, how: str) -> Tensor:
        from transformers import DynamicCache, StaticCache

        cache: Any
        if how == "dynamic":
            cache = DynamicCache(config=self.config)
        else:
            cache = StaticCache(config=self.config, max_cache_len=self._slots)
        step: Callable[..., Any] = self.module
        if how == "compiled":
            if self._compiled is None:
                self._compiled = torch.compile(self.module, dynamic=False)
            step = self._compiled
        # as their own generate does: of the prompt only the last logits are wanted
        out = self.module(sequence[:, :prompt_slots], past_key_values=cache, use_cache=True, logits_to_keep=1)
        for at in range(prompt_slots, sequence.shape[1]):
            position = torch.full((1, 1), at, device=self._device)
            out = step(sequence[:, at : at + 1], past_key_values=cache, position_ids=position, use_cache=True)
        logits: Tensor = out.logits[0, -1]
        return logits.clone()
