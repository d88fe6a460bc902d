"""Contrastive video-text networks: how well a caption fits a clip, as a cosine."""
