"""Text-to-video diffusion: a small transformer in a tokenizer's code space, objectives, sampling, and its maker."""
