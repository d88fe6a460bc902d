"""Feature extractors: clips to rows of numbers."""
