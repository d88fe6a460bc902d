"""One file per group of metrics, each registering :class:`harness.types.Metric` objects; numpy only at import."""
