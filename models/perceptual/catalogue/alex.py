"""The comparers on AlexNet: LPIPS as it was published, and its shift-tolerant variant."""

from harness.registry import register

register(
    "comparer",
    "lpips-alex",
    summary="LPIPS v0.1 on ImageNet's AlexNet (Zhang et al. 2018)",
    target="models.perceptual.loading:lpips_alex",
)
register(
    "comparer",
    "st-lpips-alex",
    summary="shift-tolerant LPIPS on an anti-aliased AlexNet (Ghildyal and Liu 2022)",
    target="models.perceptual.loading:st_lpips_alex",
)
