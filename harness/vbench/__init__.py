"""VBench's sixteen dimensions as data, its totals as arithmetic, its result files as input."""
