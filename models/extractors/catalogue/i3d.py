"""The feature space ``i3d``: the I3D that FVD is defined by, where its TorchScript file is given by path."""

from harness.registry import register

register(
    "extractor",
    "i3d",
    summary="400 logits of StyleGAN-V's TorchScript I3D, by path in DIPTYCH_I3D: the space of FVD",
    target="models.extractors.i3d:i3d",
)
