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
I3D = Asset(
    name="i3d-torchscript",
    summary="I3D, Kinetics-400, as StyleGAN-V published it: the network of FVD",
    version="StyleGAN-V",
    file_name="i3d_torchscript.pt",
    licence="Apache-2.0 (the TensorFlow original)",
    citation="Carreira and Zisserman 2017 (arXiv 1705.07750); Unterthiner et al. 2018 (arXiv 1812.01717); "
    "TorchScript: Skorokhodov et al., StyleGAN-V (arXiv 2112.14683)",
    mirror="video_features/i3d_torchscript.pt",
    url="https://www.dropbox.com/s/ge9e5ujwgetktms/i3d_torchscript.pt?dl=1",
    note="TorchScript is code: it is loaded only where DIPTYCH_I3D names the file",
)
for _asset in (X3D_XS, I3D):
    register("asset", _asset.name, summary=_asset.summary)(_asset)
