"""The weights of three networks that VBench uses: MUSIQ, AMT-S and ViCLIP, and the words that ViCLIP reads."""

from harness.assets.types import Asset, WheelMember
from harness.registry import register

ASSETS = (
    Asset(
        name="musiq-spaq",
        summary="MUSIQ trained on SPAQ: quality of pictures",
        version="358bb6af",
        file_name="musiq_spaq_ckpt-358bb6af.pth",
        sha256="358bb6af275e28ea56821d44fb55c6cb83645db11f394d3ad65b2d149965ab50",
        sha256_source="two unrelated public reports that scored with this file quote one value; its first eight digits "
        "are those that pyiqa puts into the file's name",
        licence="PolyForm-NC-1.0",
        citation="Ke et al. 2021, MUSIQ: Multi-scale Image Quality Transformer (arXiv 2108.05997); weights: "
        "chaofengc/IQA-PyTorch, converted from the authors' spaq_ckpt.npz",
        url="https://github.com/chaofengc/IQA-PyTorch/releases/download/v0.1-weights/musiq_spaq_ckpt-358bb6af.pth",
        note="the licence is that of pyiqa, which publishes the file (PolyForm Noncommercial); google-research, where "
        "the authors published their own, is Apache-2.0",
    ),
    Asset(
        name="amt-s",
        summary="AMT-S: interpolation of frames",
        version="amt-s",
        file_name="amt-s.pth",
        licence="CC-BY-NC-4.0",
        citation="Li et al. 2023, AMT: All-Pairs Multi-Field Transforms for Efficient Frame Interpolation "
        "(arXiv 2304.09790); weights: the authors', the address that VBench downloads",
        url="https://huggingface.co/lalala125/AMT/resolve/main/amt-s.pth",
        note="no source of its SHA-256 was found; the first fetch pins it",
    ),
    Asset(
        name="viclip-internvid-10m-flt",
        summary="ViCLIP ViT-L/14 trained on InternVid-10M-FLT: videos and captions",
        version="InternVid-10M-FLT",
        file_name="ViClip-InternVid-10M-FLT.pth",
        licence="Apache-2.0 (code)",
        citation="Wang et al. 2023, InternVid (arXiv 2307.06942); weights: the copy that VBench downloads",
        url="https://huggingface.co/OpenGVLab/VBench_Used_Models/resolve/main/ViClip-InternVid-10M-FLT.pth",
        note="the licence is that of OpenGVLab/InternVideo's code; the model's page tells that of the weights. No "
        "source of its SHA-256 was found; the first fetch pins it. EasyAnimate's VideoCLIP-XL checks a file of "
        "this name by the MD5 b1ebf538225438b3b75e477da7735cd0",
    ),
    Asset(
        name="clip-bpe-vocabulary",
        summary="CLIP's byte pairs: how captions become tokens",
        version="16e6",
        file_name="bpe_simple_vocab_16e6.txt.gz",
        sha256="924691ac288e54409236115652ad4aa250f48203de50a9e4722a6ecd48d6804a",
        bytes=1356917,
        licence="MIT",
        citation="Radford et al. 2021, CLIP (arXiv 2103.00020); openai/CLIP at d05afc4, as package open_clip_torch "
        "carries it",
        wheel=WheelMember(requirement="open_clip_torch==3.3.0", member="open_clip/bpe_simple_vocab_16e6.txt.gz"),
        url="https://raw.githubusercontent.com/openai/CLIP/d05afc436d78f1c48dc0dbf8e5980a9d471f35f6/"
        "clip/bpe_simple_vocab_16e6.txt.gz",
    ),
)
for asset in ASSETS:
    register("asset", asset.name, summary=asset.summary)(asset)
