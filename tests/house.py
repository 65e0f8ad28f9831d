"""Print the size of the house: `make size` gives the lines and modules of each room, and which rooms import which."""

import ast
import functools
import subprocess
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


@functools.cache
def modules() -> dict[str, Path]:
    """Return the file of every module of the product, by its dotted name."""
    command = ["git", "ls-files", "cleansplit.py", "flows/*.py", "tasks/*.py"]
    files = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    return {name.removesuffix(".py").removesuffix("/__init__").replace("/", "."): ROOT / name for name in files}


@functools.cache
def imports(path: Path) -> set[str]:
    """Return the names of all modules that a file imports, wherever it does."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def room(path: Path) -> str:
    """Return the folder of a module, such as ``tasks/overlap``."""
    return path.parent.relative_to(ROOT).as_posix()


def arrows() -> Counter[tuple[str, str]]:
    """Count for each two rooms the modules of the first that import from the second; cleansplit.py is none."""
    home = {name: room(path) for name, path in modules().items()}
    found: Counter[tuple[str, str]] = Counter()
    for path in modules().values():
        found.update((room(path), other) for other in {home[name] for name in imports(path) & home.keys()})
    return Counter({pair: count for pair, count in found.items() if pair[0] not in (".", pair[1])})


def main() -> None:
    """Print the table, with the lines of C in the room of their files."""
    lines, count, between = Counter[str](), Counter(map(room, modules().values())), arrows()
    for path in (*modules().values(), *(ROOT / "tasks").glob("*.c")):
        lines[room(path)] += len(path.read_text().splitlines())
    for name in sorted(lines):
        others = ", ".join(sorted(other for one, other in between if one == name))
        print(f"{lines[name]:6,} lines {count[name]:3} modules  {name:18} imports {others}")
    total = f"{lines.total():6,} lines, C included, {count.total():3} modules"
    print(f"{total}, {len(lines) - 1} rooms, {len(between)} arrows")


if __name__ == "__main__":
    main()
