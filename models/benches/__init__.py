"""Registers benchmarks that need models; those of the harness alone are in ``harness.benches``."""
