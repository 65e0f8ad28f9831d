"""How flows run: task runners, progress, expected failures, interruption, and runs that nobody ended."""
