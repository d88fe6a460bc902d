"""The laws that components keep, one module per kind; ``diptych check NAME`` holds any registered component to them.

Those of schedules and models need an engine, and stand in ``models.conformance``.
"""
