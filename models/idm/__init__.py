"""Inverse dynamics: which action was taken, told from the frames before and after it."""
