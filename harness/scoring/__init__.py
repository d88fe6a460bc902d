"""Scores of anyone's videos: a folder, a reference folder, metrics."""
