"""Real clips with a known fault of a known strength: what a metric must see, and in which order."""
