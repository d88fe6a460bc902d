"""The command line, and the only place where the rooms meet: it reaches them through the registry and lazy strings."""
