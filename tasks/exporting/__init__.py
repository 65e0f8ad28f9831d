"""Exports of the splits of a published run."""
