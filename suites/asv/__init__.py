"""Regression tracking with asv: benchmarks of Diptych itself, and the configuration that runs them. Registers no suite.

``nox -s asv`` runs them, exports the stored runs beside them, and publishes both.
"""
