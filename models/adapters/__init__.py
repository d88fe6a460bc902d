"""Other people's text-to-video pipelines as arms, and their denoisers for alignment."""
