"""Decoding orders, one file each."""
