"""Files that are used and not made here: weights and the like, each with a version, a hash and a licence."""
