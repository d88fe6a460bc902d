"""Registration of worlds, one small torch-free file each."""
