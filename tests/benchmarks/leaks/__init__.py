"""What cleansplit and other tools find on sets with known or judged leaks: ``python -m tests.benchmarks.leaks``."""
