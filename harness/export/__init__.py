"""Stored runs in formats that other tools read. Pure: manifests and records in, documents out; one file writes."""
