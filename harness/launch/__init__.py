"""Where trials run: in this process (``local``), or in a worker process that the run outlives (``supervised``)."""
