"""A model, a decoding order, a metric and a suite of one's own, for Diptych."""
