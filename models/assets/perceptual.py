"""Networks and channel weights of the LPIPS family."""

from harness.assets.types import Asset, WheelMember
from harness.registry import register

ASSETS = (
    Asset(
        name="st-lpips-alex",
        summary="shift-tolerant LPIPS: anti-aliased AlexNet with its channel weights",
        version="ST0.0",
        file_name="alex_shift_tolerant.pth",
        sha256="b356b382f96010f77d085ee8343ecd9fd322d0a56e8de2b2d0549fafcad8b9ee",
        bytes=9899296,
        licence="BSD-2-Clause",
        citation="Ghildyal and Liu 2022, Shift-tolerant Perceptual Similarity Metric (arXiv 2207.13686)",
        wheel=WheelMember(
            requirement="stlpips-pytorch==0.0.2",
            member="stlpips_pytorch/weights/vST0.0/alex_shift_tolerant.pth",
        ),
    ),
    Asset(
        name="lpips-alex-heads",
        summary="LPIPS v0.1: channel weights for the features of AlexNet",
        version="0.1",
        file_name="lpips_alex_heads.pth",
        sha256="df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0",
        bytes=6009,
        licence="BSD-2-Clause",
        citation="Zhang et al. 2018, The Unreasonable Effectiveness of Deep Features (arXiv 1801.03924)",
        wheel=WheelMember(requirement="lpips==0.1.4", member="lpips/weights/v0.1/alex.pth"),
    ),
    Asset(
        name="alexnet-imagenet",
        summary="AlexNet trained on ImageNet, as torchvision publishes it",
        version="IMAGENET1K_V1",
        file_name="alexnet-owt-7be5be79.pth",
        licence="BSD-3-Clause",
        citation="Krizhevsky 2014, One weird trick (arXiv 1404.5997); weights: torchvision",
        url="https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",
        note="the first eight digits of its SHA-256 stand in its name; nobody who declared it held the file",
    ),
)
for asset in ASSETS:
    register("asset", asset.name, summary=asset.summary)(asset)
