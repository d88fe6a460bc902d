"""Where scorers register themselves; nothing here imports torch."""
