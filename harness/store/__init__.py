"""Results on disk: types (``records``), the run folder (``run_store``), finding it (``locate``), videos (``video``)."""
