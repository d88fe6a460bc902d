"""Preference alignment of video diffusion models (VideoDPO, arXiv 2412.14167): pairs and their weights."""
