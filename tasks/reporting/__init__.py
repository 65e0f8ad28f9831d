"""The reporting stage: assemble the report of a run, judge its gates, publish, remember and verify it."""
