"""The weights that ship with Diptych, each by its hash: a flipped bit is noticed before a run begins.

A new file of the zoo gets a row here: ``sha256sum models/zoo/FILE``.
"""

from harness.assets.types import Asset
from harness.registry import register

ZOO: dict[str, tuple[str, int, str]] = {
    "idm_crafter.safetensors": (
        "e5000beafe1b8b57bc30f6584ba2ac2e9ddd87374f1a2a93d402e2d8313e4c9e",
        380834,
        "inverse-dynamics network of the Crafter worlds",
    ),
    "tokenizer_crafter.safetensors": (
        "22f06bc6ea4c0982df0147f3099bc306a5a5fb694d924361e88a02a5a6a562fd",
        1660472,
        "tokenizer of the Crafter worlds, one token a tile",
    ),
    "video_transformer_crafter_15x24.safetensors": (
        "5c7330768d03daab2bc6b2bb9b2bd23c5dc07ee5f11192bfeaf9f53b8ccb6200",
        5268688,
        "video transformer of crafter-15x24",
    ),
    "video_transformer_crafter_9x9.safetensors": (
        "4af200602a9f9d5a5c5570f4b6a65451c38a69b132afcfcab7355ec3d8bec1b7",
        5268688,
        "video transformer of crafter-9x9",
    ),
    "video_transformer_crafter_9x9_small.safetensors": (
        "f56fd2dbb15ed5f3dbc94505406875d43a6e71ff3025d4ca68949d1b48893a1c",
        1742480,
        "small video transformer of crafter-9x9",
    ),
    "idm_vizdoom.safetensors": (
        "59cb25bcdecb6970a54f07b770a9e631bf95e2d78727f0fae0785860df9f5679",
        385496,
        "inverse-dynamics network of vizdoom-6x8",
    ),
    "tokenizer_vizdoom.safetensors": (
        "7a9638867ef80f042e39d9641a063016cf5e65d34b55b7b0c7c62c28a476550e",
        1668496,
        "tokenizer of vizdoom-6x8, one token a tile",
    ),
    "video_transformer_vizdoom_6x8.safetensors": (
        "ce8be36126689a7dc8a65a1ca4cb2e294d196f37b028d165d67953c665fcb20c",
        6454096,
        "video transformer of vizdoom-6x8",
    ),
}
"""File → SHA-256, bytes, what it is."""

for _name, (_sha256, _bytes, _summary) in ZOO.items():
    _asset = Asset(
        name=_name,
        summary=_summary,
        version="1",
        file_name=_name,
        sha256=_sha256,
        bytes=_bytes,
        licence="Apache-2.0",
        citation=f"trained by Diptych; see models/zoo/{_name.rsplit('.', 1)[0]}.md",
        packaged=f"zoo/{_name}",
    )
    register("asset", _name, summary=_summary)(_asset)
