"""How well a caption fits a clip by class names alone: what is seen and what is done, in words, against the caption.

Norouzi et al., Zero-shot learning by convex combination of semantic embeddings (arXiv 1312.5650): the probabilities of
a classifier's most probable classes weigh the embeddings of their names. Here EfficientNet-Lite0 says what is seen
(ImageNet, 10 of 1000 classes), X3D-XS what is done (Kinetics-400, 5 of 400), and all-MiniLM-L6-v2 embeds names and
caption; the value is the mean of the two cosines. A proxy for natural video, and no CLIP score: it knows no colour, no
number and no place, and nothing that neither list of classes holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness import torchvision_cpu
from harness.absent import absent_packages
from harness.assets.locate import AbsentError, asset_path
from harness.device import parse_device
from harness.errors import UsageError
from harness.files import file_sha256
from harness.shared import last_clip
from models.extractors.x3d import X3DFeatures
from models.scorers.efficientnet_lite import ASSET as LITE
from models.scorers.efficientnet_lite import SIDE, efficientnet_lite0, normalised
from models.scorers.pixels import check_clip, in_batches, scaled

FILES = {"weights": "minilm-l6-v2", "words": "minilm-l6-v2-tokenizer", "shape": "minilm-l6-v2-config"}
PACKAGES = ("transformers", "tokenizers")
MOST_WORDS = 128
SEEN, DONE = 10, 5
LEAST_FRAMES = 4
NAMES_AT_ONCE = 200


class SentenceEmbedder:
    """all-MiniLM-L6-v2: the mean of a BERT's last layer over the words of a text, of unit length.

    Raises:
        AbsentError: Its files, or the packages that read them, are not on this machine.
    """

    def __init__(self, device: torch.device) -> None:
        lacking = absent_packages(PACKAGES)
        if lacking:
            raise AbsentError(f"text_alignment[conse] needs {lacking}")
        paths = {part: asset_path(asset) for part, asset in FILES.items()}
        torchvision_cpu.install()  # before transformers looks for torchvision
        from safetensors.torch import load_file
        from tokenizers import Tokenizer
        from transformers import BertConfig, BertModel

        self._device = device
        self._tokenizer = Tokenizer.from_file(str(paths["words"]))
        self._tokenizer.enable_truncation(MOST_WORDS)
        self._tokenizer.enable_padding()
        with torch.random.fork_rng(devices=[]):  # torch draws first weights from its global generator
            self._network: Any = BertModel(BertConfig.from_json_file(str(paths["shape"])), add_pooling_layer=False)
        tensors = {name: value for name, value in load_file(paths["weights"]).items() if not name.startswith("pooler.")}
        tensors.pop("embeddings.position_ids", None)
        self._network.load_state_dict(tensors)
        self._network.eval().requires_grad_(requires_grad=False).to(device=device)
        self.sha256 = {asset: file_sha256(paths[part]) for part, asset in FILES.items()}

    def __call__(self, texts: Sequence[str]) -> Tensor:
        """Map texts to float32 ``[texts, 384]`` of unit length."""
        parts = [self._some(texts[i : i + NAMES_AT_ONCE]) for i in range(0, len(texts), NAMES_AT_ONCE)]
        unit: Tensor = torch.cat(parts)
        return unit

    @torch.inference_mode()
    def _some(self, texts: Sequence[str]) -> Tensor:
        coded = self._tokenizer.encode_batch(list(texts))
        ids = torch.tensor([one.ids for one in coded], device=self._device)
        mask = torch.tensor([one.attention_mask for one in coded], device=self._device)
        states = self._network(input_ids=ids, attention_mask=mask).last_hidden_state
        mean = (states * mask[:, :, None]).sum(1) / mask.sum(1, keepdim=True)
        unit: Tensor = mean / mean.norm(dim=1, keepdim=True)
        return unit


def combined(probabilities: Tensor, names: Tensor, most: int) -> Tensor:
    """The embeddings of the most probable classes, weighed by their probabilities, of unit length.

    Args:
        probabilities: ``[classes]``.
        names: Embeddings of their names, ``[classes, d]``.
        most: How many classes count.

    Example:
        >>> combined(torch.tensor([0.6, 0.3, 0.1]), torch.eye(3), 2)
        tensor([0.8944, 0.4472, 0.0000])
    """
    found = probabilities.topk(most)
    mixed = found.values @ names[found.indices]
    return mixed / mixed.norm()


class Conse:
    """A :class:`harness.protocols.TextScorer` for natural video and any words.

    Raises:
        UsageError: No such device.
        AbsentError: A weight file or a package is not on this machine.
    """

    example = "a dog runs over the grass"
    least_side = 32
    open_vocabulary = True

    def __init__(self, device: str = "cpu") -> None:
        self._device = torch.device(str(parse_device(device)))
        self._embed = SentenceEmbedder(self._device)
        self._seen = efficientnet_lite0(self._device)
        self._done = X3DFeatures(str(self._device))
        from torchvision.models._meta import _IMAGENET_CATEGORIES, _KINETICS400_CATEGORIES

        self._seen_names, self._done_names = self._embed(_IMAGENET_CATEGORIES), self._embed(_KINETICS400_CATEGORIES)
        self._lite_sha256 = file_sha256(asset_path(LITE))

    def similarities(self, videos: Sequence[NDArray[np.uint8]], captions: Sequence[str]) -> NDArray[np.float64]:
        """Map clips, uint8 ``[frames >= 4, height, width, 3]``, and captions to float64 ``[clips, captions]``.

        Raises:
            UsageError: An empty caption.
            NoValueError: A clip is too short or too small.
        """
        if any(not caption.strip() for caption in captions):
            raise UsageError(f"the caption is empty; it needs words. Such as: {self.example!r}")
        for video in videos:
            check_clip(video, "text alignment by class names", least_frames=LEAST_FRAMES, least_side=self.least_side)
        texts = self._embed(captions)
        clips = torch.stack([last_clip(video, f"conse {self._device}", self._clip) for video in videos])
        values: NDArray[np.float64] = (clips @ texts.T).mean(1).double().cpu().numpy()
        return np.clip(values, -1, 1)

    @torch.inference_mode()
    def _clip(self, video: NDArray[np.uint8]) -> Tensor:
        """The embeddings of what is seen and of what is done, ``[2, 384]``."""

        def look(frames: Tensor) -> Tensor:
            probabilities: Tensor = self._seen(normalised(scaled(frames, SIDE, SIDE))).softmax(-1)
            return probabilities

        seen = in_batches(video, self._device, look).mean(0)
        done = torch.from_numpy(self._done.logits([video])[0]).float().to(self._device).softmax(-1)
        return torch.stack([combined(seen, self._seen_names, SEEN), combined(done, self._done_names, DONE)])

    def context(self) -> dict[str, Any]:
        """The weights behind the values."""
        return {"sentences": self._embed.sha256, "seen_sha256": self._lite_sha256, "done": self._done.context()}
