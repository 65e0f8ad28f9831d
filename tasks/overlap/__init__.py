"""Exact and near duplicates between splits; every pair is verified."""
