"""Anyone's videos: files and tensors read as RGB frames, with what was done to them said."""
