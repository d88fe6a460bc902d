"""The papers' figures and tables, from what is published and what was measured; neither torch nor models."""
