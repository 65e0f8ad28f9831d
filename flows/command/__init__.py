"""The `cleansplit` command."""
