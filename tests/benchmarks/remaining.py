"""How right the remaining time of the progress bar is: python -m tests.benchmarks.remaining COMMAND ...

Runs `cleansplit COMMAND ...` in a terminal, and prints for each long stage the predicted over the actual remaining
seconds, from a third of the stage on: both ends of the ratio, and how often the bar moved.
"""

import os
import pty
import re
import sys
import time
from collections import defaultdict

LONG, LAST = 8, 3  # seconds of a stage that is looked at; seconds at its end in which rounding decides
BAR = re.compile(r"([a-z ]+?) *: +\d+%\|[^|]*\| (\d+)/(\d+) \[[\d:]+<(?:(\d+):)?(\d\d):(\d\d), ")
END = re.compile(r"^([a-z ]+?) +\d+ tasks.*, ([\d.]+) s", re.MULTILINE)
Look = tuple[float, int, float]  # when, steps done, predicted seconds


def main() -> None:
    """Run the command, and print a row for each long stage."""
    looks, ends, text = defaultdict[str, list[Look]](list), dict[str, tuple[float, float]](), ""

    def read(descriptor: int) -> bytes:
        nonlocal text
        data, now = os.read(descriptor, 4096), time.monotonic()
        *whole, text = re.split(r"[\r\n]", text + data.decode(errors="replace"))
        for line in whole:
            if found := BAR.search(line):
                hours, minutes, seconds = (int(part or 0) for part in found.groups()[3:])
                looks[found[1]].append((now, int(found[2]), 3600 * hours + 60 * minutes + seconds))
            elif found := END.search(line):
                ends[found[1]] = now, float(found[2])
        return data

    wide = 'stty rows 40 cols 120; exec "$@"'  # a terminal without a size shows no bar
    pty.spawn(["sh", "-c", wide, "sh", sys.executable, "-m", "flows.command.cli", *sys.argv[1:]], read)
    print("\nstage                  seconds   moves   predicted / actual remaining")
    for stage, (end, seconds) in ends.items():
        later = [(now, predicted) for now, _, predicted in looks[stage] if now >= end - seconds * 2 / 3]
        ratios = [predicted / (end - now) for now, predicted in later if end - now > LAST]
        if seconds >= LONG and ratios:
            moves = len({done for _, done, _ in looks[stage]})
            print(f"{stage:<20} {seconds:>9.1f} {moves:>7}   {min(ratios):.2f} to {max(ratios):.2f}")


if __name__ == "__main__":
    main()
