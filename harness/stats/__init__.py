"""Pure statistics: paired estimates, families, jackknife, verdicts. Arrays and records in, estimates out."""
