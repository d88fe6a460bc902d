"""Scorers: networks and arithmetic that judge a clip by itself, or by the caption that it was made for."""
