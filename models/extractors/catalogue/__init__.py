"""Registration of feature extractors, one small torch-free file each."""
