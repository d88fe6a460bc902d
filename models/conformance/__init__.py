"""The laws of schedules and models, which need the decoding engine; the others are in ``harness.conformance``."""
