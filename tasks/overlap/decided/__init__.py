"""What people decided about pairs of two splits, applied to their twins."""
