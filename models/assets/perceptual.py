"""Networks that say how far two pictures are apart."""

from harness.assets.types import Asset, WheelMember
from harness.registry import register

ST_LPIPS_ALEX = Asset(
    name="st-lpips-alex",
    summary="shift-tolerant LPIPS: AlexNet with blurred pooling, and its linear heads",
    version="vST0.0",
    file_name="alex_shift_tolerant.pth",
    sha256="b356b382f96010f77d085ee8343ecd9fd322d0a56e8de2b2d0549fafcad8b9ee",
    bytes=9899296,
    licence="BSD-2-Clause",
    citation="Ghildyal and Liu, Shift-tolerant Perceptual Similarity Metric, ECCV 2022 (arXiv 2207.13686)",
    wheel=WheelMember(
        requirement="stlpips-pytorch==0.0.2", member="stlpips_pytorch/weights/vST0.0/alex_shift_tolerant.pth"
    ),
)
LPIPS_ALEX_HEADS = Asset(
    name="lpips-alex-heads",
    summary="LPIPS: linear heads over AlexNet's features",
    version="v0.1",
    file_name="lpips_alex.pth",
    sha256="df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0",
    bytes=6009,
    licence="BSD-2-Clause",
    citation="Zhang et al., The Unreasonable Effectiveness of Deep Features, CVPR 2018 (arXiv 1801.03924)",
    wheel=WheelMember(requirement="lpips==0.1.4", member="lpips/weights/v0.1/alex.pth"),
)
ALEXNET_IMAGENET = Asset(
    name="alexnet-imagenet",
    summary="AlexNet, ImageNet: the backbone of LPIPS",
    version="owt-7be5be79",
    file_name="alexnet-owt-7be5be79.pth",
    licence="BSD-3-Clause (torchvision); trained on ImageNet",
    citation="Krizhevsky 2014 (arXiv 1404.5997); weights: torchvision, AlexNet_Weights.IMAGENET1K_V1",
    url="https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",
    note="its name gives the first 8 digits of its SHA-256; the whole was not at hand when this was written",
)
for _asset in (ST_LPIPS_ALEX, LPIPS_ALEX_HEADS, ALEXNET_IMAGENET):
    register("asset", _asset.name, summary=_asset.summary)(_asset)
