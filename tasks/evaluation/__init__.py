"""Models, scores and intervals: what the overlap did to accuracy."""
