"""Steps that the processes of a command count, for its progress bar."""

import subprocess
import sys

PROGRAM = """
import os, subprocess, sys
from tasks.storage.started import advance, steps_done, work_elsewhere
advance(3)
print(steps_done())
work_elsewhere()
advance(3)
child = "from tasks.storage.started import advance; advance(40)"
subprocess.run([sys.executable, "-c", child], check=True)
print(steps_done())
"""


def test_only_a_command_counts_steps_and_its_children_count_with_it() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert done.stdout == "0\n43\n"
