"""The reporting stage: assemble the report of a run, check its gates, publish, record and verify it."""
