"""Registration of comparers, one small torch-free file each."""
