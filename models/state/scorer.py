"""A clip's caption, rebuilt from what networks read off its frames, as a text scorer.

A tile classifier (:mod:`models.state.network`) says which material or creature stands on every tile of the map, an
inverse-dynamics network (:mod:`models.idm`) what was done between frames; the function that captions real clips from
the simulator's state (:func:`models.worlds.captions.crafter_caption`) captions what was read. The value is the share
of the told caption's fields that hold of that: no embedding, no cosine, and nothing that chose a video.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.assets.locate import asset_path
from harness.device import parse_device
from harness.errors import UsageError
from models.extractors.idm import CRAFTER_WEIGHTS
from models.idm.loading import load_idm
from models.state.captions import parse_caption, share_that_holds
from models.state.loading import load_state_reader
from models.weights import weights_sha256
from models.worlds.caption_text import CRAFTER
from models.worlds.captions import Caption, crafter_caption
from models.worlds.crafter import CRAFTER_9X9
from models.worlds.types import Clip

TILE = CRAFTER_9X9.spec.tile_pixels
INVENTORY_ROWS = CRAFTER_9X9.spec.rows - CRAFTER_9X9.spec.map_rows
WEIGHTS = "state_reader_crafter.safetensors"


class StateScorer:
    """A :class:`harness.protocols.TextScorer` of ``crafter-9x9``; frames of other sizes are read with its inventory.

    Args:
        device: Torch device.
        weights: State reader's file in the zoo, or a path.
        idm: Inverse-dynamics network's file in the zoo, or a path.

    Attributes:
        example: A caption in its words.
        least_side: Smallest height and width of a frame: the inventory's rows and one of the map.
        words: Every word that it knows.
    """

    example = str(Caption("sand", "water", "left", "cow", "above", "right"))
    least_side = TILE * (INVENTORY_ROWS + 1)
    words = CRAFTER.words

    def __init__(self, device: str, weights: str = WEIGHTS, idm: str = CRAFTER_WEIGHTS) -> None:
        self.reader = load_state_reader(weights, device)
        self.actions = load_idm(idm, device)
        self._sha256 = {"weights_sha256": weights_sha256(weights), "idm_sha256": weights_sha256(idm)}

    def caption(self, video: NDArray[np.uint8]) -> Caption:
        """The caption of a clip uint8 ``[frames ≥ 2, height, width, 3]``, from what is read off it.

        Raises:
            UsageError: Another type or shape.
        """
        small = video.ndim != 4 or len(video) < 2 or min(video.shape[1:3]) < self.least_side
        if small or video.dtype != np.uint8 or video.shape[3] != 3 or video.shape[1] % TILE or video.shape[2] % TILE:
            raise UsageError(
                f"captions are read off clips uint8 [frames, height, width, 3] of at least 2 frames, with sides of at "
                f"least {self.least_side} pixels that are divisible by {TILE}, not {video.dtype} {list(video.shape)}."
            )
        actions = self.actions.classify(video[None])[0]
        map_rows = self.reader.read(video[:1])[:, :-INVENTORY_ROWS]  # a caption tells of the first frame
        read = Clip(frames=video, actions=actions, truth={"semantic": map_rows}, episode_seed=0, start=0)
        return crafter_caption(read, 0, len(video))

    def similarities(self, videos: Sequence[NDArray[np.uint8]], captions: Sequence[str]) -> NDArray[np.float64]:
        """Share of each caption's fields that hold of each clip, float64 ``[clips, captions]`` in [0, 1].

        Args:
            videos: Clips uint8 ``[frames ≥ 2, height, width, 3]`` of whole tiles.
            captions: In Crafter's words.

        Raises:
            UsageError: A caption that is none, or clips of another shape.
        """
        told = [parse_caption(caption) for caption in captions]
        seen = [self.caption(video) for video in videos]
        shares = [[share_that_holds(one, other) for one in told] for other in seen]
        return np.array(shares, np.float64).reshape(len(seen), len(told))

    def context(self) -> dict[str, Any]:
        """The weights behind the shares."""
        return dict(self._sha256)


def state_crafter(device: str) -> StateScorer:
    """The text scorer ``state-crafter``.

    Raises:
        UsageError: No such device.
        AbsentError: A weight file is not on this machine.
    """
    parse_device(device)
    for file_name in (WEIGHTS, CRAFTER_WEIGHTS):
        asset_path(file_name)
    return StateScorer(device)
