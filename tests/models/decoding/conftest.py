"""Schedules must be found before decoding tests look one up."""

from harness.cli.builtin import load_builtin

load_builtin()
