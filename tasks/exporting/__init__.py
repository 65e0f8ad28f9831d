"""The splits of a published run in the forms that others read."""
