"""Train models, score them, and estimate the effect of the overlap on accuracy."""
