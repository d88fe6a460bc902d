"""Results turned into tables, figures and self-contained HTML pages. Imports neither torch nor models."""
