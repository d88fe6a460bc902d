"""One module per family of text scorers, each registering lazily: no torch at import."""
