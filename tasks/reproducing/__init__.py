"""Published figures about a data set beside those of a run."""
