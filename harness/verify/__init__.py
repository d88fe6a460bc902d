"""Whether a run is still what it was: its files against themselves (``static``), its trials run again (``rerun``)."""
