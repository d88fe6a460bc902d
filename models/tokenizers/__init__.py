"""Tokenizers: frames to tokens and back."""
