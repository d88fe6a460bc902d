"""Figures and tables of papers: published numbers with their sources, beside what Diptych measured."""
