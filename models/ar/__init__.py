"""Autoregressive video transformers."""
