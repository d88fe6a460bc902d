"""Registrations of makers, one file each (no torch)."""
