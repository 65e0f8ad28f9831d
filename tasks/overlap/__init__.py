"""Exact and near-duplicate overlap between splits, every match verified."""
