"""What asv times: one module per part of Diptych, few benchmarks, small sizes; nothing heavy is imported at import.

asv imports this folder as the top-level package ``benchmarks``, so modules import each other relatively. All numbers
are lower is better.
"""
