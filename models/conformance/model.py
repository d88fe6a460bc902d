"""Laws of video transformers: loaded as the card says, seeded by their seed alone, the same alone and in a batch."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from harness.conformance.laws import (
    Component,
    Law,
    does_not_apply,
    free_of_global_state,
    refuses,
    require,
)
from models.ar.loading import hash_tensors, load_transformer
from models.ar.transformer import VideoTransformer
from models.conformance.tiny import random_tokens
from models.decoding.engine import Engine, Generation
from models.decoding.grid import Grid
from models.decoding.sampling import Sampler
from models.decoding.schedule import get_schedule
from models.decoding.tables import Tables, compile_schedule
from models.tokenizers.loading import load_tokenizer
from models.zoo.cards import VideoModel

GRID = Grid(frames=2, rows=3, columns=4, actions=1)
"""Small enough for large models; what holds here holds on every grid: positions are data."""
LANES = 3
RELATIVE = 1e-9


@dataclass
class Subject:
    """A card and its model on the CPU."""

    component: Component

    @cached_property
    def card(self) -> VideoModel:
        """The card."""
        card = self.component.thing
        if not isinstance(card, VideoModel):
            does_not_apply(f"it is a {type(card).__name__}, no VideoModel: its maker is held to laws of its own")
        return card

    @cached_property
    def loaded(self) -> tuple[VideoTransformer, str]:
        """Model and hash of its weights."""
        return load_transformer(self.card)

    @cached_property
    def tables(self) -> Tables:
        """A diagonal order: it feeds several tokens a pass, and stand-ins."""
        return compile_schedule(GRID, get_schedule("diagonal"), 2)

    def tokens(self, lanes: int = 1) -> Tensor:
        """A random prompt with actions for ``lanes`` lanes."""
        shape = self.card.shape
        return random_tokens(GRID, lanes, 0, shape.image_vocabulary, shape.vocabulary - shape.image_vocabulary)

    def generate(self, seed: int = 5) -> Generation:
        """Decode one lane in float32."""
        return Engine(self.loaded[0], self.tables, Sampler()).generate(self.tokens(), [seed])


def prepare(component: Component) -> Subject:
    """The subject; nothing is loaded yet."""
    return Subject(component)


def _loads(subject: Subject) -> str:
    model, digest = subject.loaded
    again, other = load_transformer(subject.card)
    require(digest == other, "loaded twice, the hash of its weights differs")
    require(hash_tensors(model.state_dict()) == hash_tensors(again.state_dict()), "loaded twice, weights differ")
    finite = all(bool(p.isfinite().all()) for p in model.parameters())
    require(finite, "a weight is NaN or infinite")
    count = sum(p.numel() for p in model.parameters())
    require(
        count == subject.card.shape.parameters, f"it has {count} parameters, its shape {subject.card.shape.parameters}"
    )
    return f"{count} parameters, weights {digest[:16]}…" + (", random" if subject.card.speed_only else "")


def _fits(subject: Subject) -> str:
    card, registry = subject.card, subject.component.registry
    spec = registry.get("world", card.world)().spec
    total = card.prompt_frames + card.frames
    require(card.prompt_frames >= 1 and card.frames >= 1, "prompt_frames and frames must be at least 1")
    require(total <= spec.clip_frames, f"{total} frames are more than clips of {card.world} have ({spec.clip_frames})")
    actions = card.shape.vocabulary - card.shape.image_vocabulary
    enough = card.actions_per_frame == 0 or actions >= len(spec.actions)
    require(enough, f"{actions} action tokens for the {len(spec.actions)} actions of {card.world}")
    tokenizer = load_tokenizer(card.tokenizer)
    black = np.zeros((1, spec.rows * spec.tile_pixels, spec.columns * spec.tile_pixels, 3), np.uint8)
    tokens = tokenizer.encode(black)
    grid = list(tokens.shape[-2:])
    require(
        grid == [spec.rows, spec.columns],
        f"its tokenizer gives {grid} tokens a frame, {card.world} has {spec.rows} × {spec.columns}",
    )
    codes = tokenizer.shape.vocabulary
    require(
        codes == card.shape.image_vocabulary,
        f"its tokenizer has {codes} codes, its shape {card.shape.image_vocabulary}",
    )
    return f"{card.world}: {spec.rows} × {spec.columns} tokens of {codes}, {len(spec.actions)} actions"


def _logits(subject: Subject) -> str:
    size = [1, GRID.tokens, subject.card.shape.image_vocabulary]
    made = Engine(subject.loaded[0], subject.tables, Sampler()).generate(subject.tokens(), [5], trace=True)
    require(
        made.logits is not None and list(made.logits.shape) == size, "logits do not have the image vocabulary's size"
    )
    require(made.finite, "a logit is NaN or infinite")
    inside = bool(((made.tokens >= 0) & (made.tokens < subject.card.shape.image_vocabulary)).all())
    require(inside, "a token is outside the image vocabulary")
    return f"logits {size}, finite"


def _seeded(subject: Subject) -> str:
    def anew() -> Generation:
        model = load_transformer(subject.card)[0]
        return Engine(model, subject.tables, Sampler()).generate(subject.tokens(), [5])

    one, other = free_of_global_state(anew)
    require(torch.equal(one.tokens, other.tokens), "one seed gives two sets of tokens")
    require(one.noise_hashes == other.noise_hashes, "one seed gives two sets of noise")
    require(one.noise_hashes != subject.generate(6).noise_hashes, "two seeds give one set of noise")
    kept = subject.generate()
    require(torch.equal(one.tokens, kept.tokens), "loaded anew, the seed gives other tokens")
    return "tokens follow from the seed alone; global generators untouched"


def _batch(subject: Subject) -> str:
    model = load_transformer(subject.card, dtype=torch.float64)[0]
    prompt, vocabulary = subject.tokens(LANES), subject.card.shape.image_vocabulary
    stream = torch.randint(
        vocabulary, (LANES, GRID.frames, GRID.frame_tokens), generator=torch.Generator().manual_seed(3)
    )
    whole = Engine(model, subject.tables, Sampler(), batch=LANES, pad=True)
    together = whole.generate(prompt, [1, 2, 3], forced=stream, trace=True).logits
    alone = Engine(model, subject.tables, Sampler())
    largest = 0.0
    for lane in range(LANES):
        part = slice(lane, lane + 1)
        single = alone.generate(prompt[part], [lane], forced=stream[part], trace=True).logits
        if single is None or together is None:
            does_not_apply("no trace")
        largest = max(largest, float((single[0] - together[lane]).abs().max() / together.abs().max()))
    require(largest <= RELATIVE, f"in a batch, logits differ by {largest:.1e} of their scale; at most {RELATIVE}")
    return f"{LANES} lanes together and alone, padded and not: logits within {largest:.1e} in float64"


def _device(subject: Subject) -> str:
    card = subject.card
    told = refuses(lambda: load_transformer(card, "no-such-device"), "an unknown device")
    if torch.cuda.is_available():
        model = load_transformer(card, "cuda")[0]
        require(model.embed_tokens.weight.is_cuda, "asked for cuda, it is elsewhere")
        return f"on cuda; {told}"
    return refuses(lambda: load_transformer(card, "cuda"), "cuda, where there is none")


LAWS = (
    Law("loads twice alike, as large as its shape", _loads),
    Law("fits its world and its tokenizer", _fits),
    Law("finite logits of the image vocabulary", _logits),
    Law("tokens follow from the seed alone", _seeded),
    Law("the same alone and in a batch (float64)", _batch),
    Law("an unknown device is a clear error", _device),
)
