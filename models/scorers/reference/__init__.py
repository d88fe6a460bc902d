"""The networks that VBench judges videos with, for OmniScore's reference backends."""
