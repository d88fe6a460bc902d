"""Learned distances between frames: what the LPIPS family computes with, each network apart from its arithmetic."""
