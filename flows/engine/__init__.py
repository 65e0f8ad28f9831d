"""The execution of flows: task runners, progress, expected failures, interruption, and abandoned runs."""
