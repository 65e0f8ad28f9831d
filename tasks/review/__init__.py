"""Look at the pairs of a run one by one, and keep what is decided."""
