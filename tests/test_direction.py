"""Imports go one way: flows -> tasks/<stage>/tasks.py -> the stage's own modules -> what all stages share."""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def imports(path: Path) -> set[str]:
    """Return the names of all modules that a file imports, wherever it does."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def test_stages_never_import_each_other_nor_flows() -> None:
    stages = {path.parent.name for path in (ROOT / "tasks").glob("*/tasks.py")}
    assert len(stages) == 7
    for path in (ROOT / "tasks").rglob("*.py"):
        used = {name.split(".")[1] for name in imports(path) if name.startswith("tasks.")} & stages
        assert used <= ({path.parent.name} if path.parent.name in stages else set()), path
        assert not any(name.split(".")[0] == "flows" for name in imports(path)), path


def test_flows_are_orchestration_only() -> None:
    for path in (ROOT / "flows").glob("*.py"):
        assert not {name.split(".")[0] for name in imports(path)} & {"numpy", "pyarrow", "PIL", "sklearn"}, path
