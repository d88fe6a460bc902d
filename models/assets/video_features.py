"""Networks that turn clips into feature rows."""

from harness.assets.types import Asset
from harness.registry import register

X3D_XS = Asset(
    name="x3d-xs-k400-int8dq",
    summary="X3D-XS, Kinetics-400, 2048 features; weights recovered from the model zoo's int8 file",
    version="int8dq-1",
    file_name="x3d_xs_k400_fp16.safetensors",
    sha256="15b1a315cf15a46cf6ca76db18166854ef41beaf09336b4f248e1da839fbe4c3",
    bytes=7581516,
    licence="Apache-2.0",
    citation="Feichtenhofer 2020 (arXiv 2004.04730); weights: PyTorchVideo model zoo (efficient_x3d_xs, int8)",
    mirror="video_features/x3d_xs_k400_fp16.safetensors",
    note="mirror only: recovered by dequantising the batch-norm-folded weights of PyTorchVideo's "
    "efficient_x3d_xs_tutorial_int8.pt (torch.ops.quantized.conv2d_unpack and linear_unpack)",
)
register("asset", X3D_XS.name, summary=X3D_XS.summary)(X3D_XS)
