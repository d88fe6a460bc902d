"""The weights that ship with Diptych, each by its hash: a flipped bit is noticed before a run begins.

A new file of the zoo gets a row here: ``sha256sum models/zoo/FILE``. A large one lies there packed (``python -m
models.zoo.pack FILE``, :mod:`harness.assets.packed`); its row is that of the file itself.
"""

from harness.assets.types import Asset
from harness.registry import register

FINETUNED = "video_transformer_crafter_9x9_small"
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
    "crafter_9x9_control_s0.safetensors": (
        "460d13d1cd4cf4be97e74f7614bc07b5b6a67199781142503682a55682de3ccd",
        175736,
        "control's adapters, crafter-9x9, seed 0",
    ),
    "crafter_9x9_control_s1.safetensors": (
        "cb2258c852064f11ac6856cd580dca5f705bfadc0a188b3129a6682447b139a8",
        175736,
        "control's adapters, crafter-9x9, seed 1",
    ),
    "crafter_9x9_control_s2.safetensors": (
        "80bd74e39aa5650947e2b0a148b9a1cf516d23d2ae6d52bdfada3aa11d7b2ff8",
        175736,
        "control's adapters, crafter-9x9, seed 2",
    ),
    "crafter_9x9_diagonal_k1_s0.safetensors": (
        "73bcf2d645f8c416fa16081a0e73e212d9e71d43833ed460364a517f55f92f89",
        175736,
        "adapters for diagonal decoding, k = 1, crafter-9x9, seed 0",
    ),
    "crafter_9x9_diagonal_k1_s1.safetensors": (
        "8028d68cb6049b4f37b03e5eff56b07b03277620e13629b674f879b32a1afe5c",
        175736,
        "adapters for diagonal decoding, k = 1, crafter-9x9, seed 1",
    ),
    "crafter_9x9_diagonal_k1_s2.safetensors": (
        "caf89a140ea65c9c87e1a5344fd38ace0220807bee5a0ddb19668792850195bb",
        175736,
        "adapters for diagonal decoding, k = 1, crafter-9x9, seed 2",
    ),
    "crafter_9x9_small_control_s0.safetensors": (
        "cbb6147d9fd4112eb74a02065f160585a184f456ced28fa7c1f9f4840fb41fef",
        81856,
        "control's adapters, small, seed 0",
    ),
    "crafter_9x9_small_control_s1.safetensors": (
        "3a667928fee674202abc619b8fed8212665f242dd26424a1eb334990d938827b",
        81856,
        "control's adapters, small, seed 1",
    ),
    "crafter_9x9_small_control_s2.safetensors": (
        "6092e2b1f04fddc028ffcf30750d951240980112f936437d54254db506e1f304",
        81856,
        "control's adapters, small, seed 2",
    ),
    "crafter_9x9_small_diagonal_k1_s0.safetensors": (
        "3f445501c2c058df8a1f701d29cb451a513c224b4a7863e1250e7207989304ad",
        81856,
        "adapters for diagonal decoding, k = 1, small, seed 0",
    ),
    "crafter_9x9_small_diagonal_k1_s1.safetensors": (
        "a94db2c5b6f8e20baf003863744c4f331b035073830fd00d17caf90583b49d24",
        81856,
        "adapters for diagonal decoding, k = 1, small, seed 1",
    ),
    "crafter_9x9_small_diagonal_k1_s2.safetensors": (
        "a686f49f8a6b13edbb22511bd39a2a5c4ecba081f348762d5bc6cfbe44bc911a",
        81856,
        "adapters for diagonal decoding, k = 1, small, seed 2",
    ),
    "text_video_transformer_crafter_9x9.safetensors": (
        "236de2dce9aa364645ad691cab992dfb1a184fc9f92a18cb18925098b94efc68",
        1755784,
        "captioned video transformer of crafter-9x9",
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
    "video_text_vizdoom.safetensors": (
        "64ca5b3cfbe3e196ea3946c7e9b7ace0ef84234f86a726d6767b93b2d01af3d4",
        818330,
        "video-text network of vizdoom-6x8",
    ),
    "video_text_crafter.safetensors": (
        "048bd77ae30b6f81fbe5073cf3cee3d4f06dd8c4f3ada1fe9ccd14086e14c79a",
        1070650,
        "video-text network of crafter-9x9",
    ),
    "video_text_vizdoom_judge.safetensors": (
        "6c6646e3610a7c622f3e428d5105fbf7530962978063b1e78a5f690edeaeba77",
        931530,
        "held-out video-text judge of vizdoom-6x8",
    ),
    "video_text_crafter_judge.safetensors": (
        "f5cc0732eeff83f390d46593d841b6b7faf1d65409a0117502506e90dc9fb032",
        949218,
        "held-out video-text judge of crafter-9x9",
    ),
    "text_to_video_crafter_epsilon.safetensors": (
        "982daa2454b2fea791f3e8ac13b8f38e8da229232bba97d75b078fc6fa7be988",
        3301216,
        "text-to-video model of crafter-9x9, predicts noise",
    ),
    "text_to_video_crafter_flow.safetensors": (
        "ca7d1bfd0046a039599a9c1926aaa1783c6e2443ec7605c5044d8c212aa54fa6",
        3301208,
        "text-to-video model of crafter-9x9, flow matching",
    ),
    "state_reader_crafter.safetensors": (
        "1ef1b54183c1cd5db416ac3d5b1e23017727c7435faa702a8d78b38597a14bf1",
        16878,
        "state reader of crafter-9x9: what stands on every tile",
    ),
}
"""File → SHA-256, bytes, what it is."""
ALIGNED = {
    "aligned_epsilon_sft_s0.safetensors": ("7390598f72a7c87f322d5b89f656d6d69724dabc1a88e4976d181da58779c9a9", 166912),
    "aligned_epsilon_sft_s1.safetensors": ("b87263fa514522b47cffd519e83507ad35ee131f49e0b699901d2fe72ba3a140", 166904),
    "aligned_epsilon_sft_s2.safetensors": ("9f0eb459c64a11292aa213c0df3c10e634918ea5896b68b66edc208dbe7070c7", 166904),
    "aligned_epsilon_dpo_s0.safetensors": ("468660fd310e18e5aa840f41399872e489aa14407d71f50514baa2b103f475c4", 167184),
    "aligned_epsilon_dpo_s1.safetensors": ("943cf23d888ef7fca88141eba5166ce4b9362cbbde4ac3dacefecd4437eac9c7", 167184),
    "aligned_epsilon_dpo_s2.safetensors": ("e446474516f52b3a3fedcdd691906c15735eb4262d357228a9994df6d580ccb2", 167184),
    "aligned_epsilon_videodpo_s0.safetensors": (
        "c93a69eaa1fc8d8e81721a0a2955d906308792b82c86e2cdc24c675e30ac05fa",
        167224,
    ),
    "aligned_epsilon_videodpo_s1.safetensors": (
        "9d6fefee0360c658e1d77ed9e6311545f0d677cd709eef331ed9d794bebc1550",
        167232,
    ),
    "aligned_epsilon_videodpo_s2.safetensors": (
        "2aba768ff60919f7255657039e52120f435144db953f6ae066968db1b3b4178b",
        167232,
    ),
    "aligned_flow_sft_s0.safetensors": ("32aedef03e0847650f1e8b32aae9ec02af4965febbecc84e7019d9780c0623fb", 166888),
    "aligned_flow_sft_s1.safetensors": ("83b388eb49f050a0ed05e5fce0f58a79ae200a5b48dd1ce64522a0eafde34b80", 166888),
    "aligned_flow_sft_s2.safetensors": ("061205e9e3152561d7c241b27333f203a7db16a67917962b71bb23554d6ac1e8", 166888),
    "aligned_flow_dpo_s0.safetensors": ("6dad2b3630f2f6bbbf2deaf6845f4fabb13c404f55624d188a5914658c1f3c69", 167168),
    "aligned_flow_dpo_s1.safetensors": ("b942051e8ae32056daf4e43a8437d1b8bffd188a2e066d0fda52c09aeac10ea7", 167168),
    "aligned_flow_dpo_s2.safetensors": ("2dc2d361ecb142f181e2e461c219006f3bcb42eb374b7a18d8be740e08a677d9", 167168),
    "aligned_flow_videodpo_s0.safetensors": (
        "82da350fa4a1e08fa772489b91dc7be364d27e628622bbffe2dc14769115292c",
        167216,
    ),
    "aligned_flow_videodpo_s1.safetensors": (
        "3e313af96b4fd92fe96e5468e7c2c354bb5325b0051cc2e91aa1bb5f3a38d557",
        167208,
    ),
    "aligned_flow_videodpo_s2.safetensors": (
        "a70bb09ad4e49547cb678336a6a6fe17040cf2c9f99293a01805f3ecc0a2fd0c",
        167208,
    ),
}
"""Adapters of the text-to-video models, aligned with preferences: file → SHA-256, bytes."""
ZOO |= {
    name: (*facts, f"text-to-video model of crafter-9x9 ({kind}) aligned by {method}, training seed {seed[1:]}")
    for name, facts in ALIGNED.items()
    for _, kind, method, seed in [name.removesuffix(".safetensors").split("_")]
}


def card_of(file_name: str) -> str:
    """The card of a weight file; adapters are told on that of the small model that they were made with."""
    stem = file_name.removesuffix(".safetensors")
    if file_name in ALIGNED:
        return f"text_to_video_crafter_{stem.split('_')[1]}.md"
    return f"{FINETUNED if stem[:-1].endswith('_s') else stem}.md"


for _name, (_sha256, _bytes, _summary) in ZOO.items():
    _asset = Asset(
        name=_name,
        summary=_summary,
        version="1",
        file_name=_name,
        sha256=_sha256,
        bytes=_bytes,
        licence="Apache-2.0",
        citation=f"trained by Diptych; see models/zoo/{card_of(_name)}",
        packaged=f"zoo/{_name}",
    )
    register("asset", _name, summary=_summary)(_asset)
