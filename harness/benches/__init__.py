"""What ``diptych bench`` measures: one module per benchmark, registered under kind ``bench``."""
