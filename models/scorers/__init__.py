"""Scorers: what judges frames, or steps from frame to frame, of one clip without knowing what it should have been."""
