"""The table of every weight file that Diptych uses, one small torch-free file per kind."""
