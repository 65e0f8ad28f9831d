"""Imports go one way: flows -> tasks/<stage>/tasks.py -> the stage's own modules -> what all stages share."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
STAGES = {"sources", "classes", "splits", "overlap", "sanitizing", "evaluation", "reporting"}
SHARED = {
    "errors",
    "vocabulary",
    "storage",
    "views",
    "records",
    "stage_task",
    "threads",
    "processes",
    "registration",
    "joined",
    "libraries",
}
PLAIN = SHARED - {"stage_task"}  # without Prefect
MAY_IMPORT = {
    "errors": set(),
    "vocabulary": {"errors"},
    "storage": {"errors", "vocabulary"},
    "views": {"vocabulary"},
    "records": {"errors", "vocabulary", "storage", "views"},
    "stage_task": {"errors", "storage"},
    "threads": set(),
    "memory": set(),
    "processes": {"errors", "memory", "threads"},
    "joined": set(),
    "libraries": set(),
    "registration": {"vocabulary"},
    **dict.fromkeys(STAGES, SHARED),
    "reporting": SHARED | {"presenting"},  # a run keeps its page
    **dict.fromkeys(("presenting", "reproducing"), PLAIN),
    "exporting": PLAIN | {"classes"},  # pixels of photographs are those that a run decodes
    "review": PLAIN | {"exporting", "reporting"},  # originals, and what a run says of itself
}


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
    """Return the package or module of tasks/ that a file belongs to."""
    return path.relative_to(ROOT / "tasks").parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", sorted((ROOT / "tasks").rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_room_imports_only_what_it_may(path: Path) -> None:
    if path.parent == ROOT / "tasks" and path.name == "__init__.py":
        return
    used = {name.split(".")[1] for name in imports(path) if name.startswith("tasks.")}
    assert used <= MAY_IMPORT[room(path)] | {room(path)}
    assert "flows" not in {name.split(".")[0] for name in imports(path)}


def test_only_tasks_and_flows_know_prefect() -> None:
    for path in (ROOT / "tasks").rglob("*.py"):
        if path.name not in ("tasks.py", "stage_task.py"):
            assert "prefect" not in {name.split(".")[0] for name in imports(path)}, path


def test_flows_are_orchestration_only() -> None:
    for path in (ROOT / "flows").rglob("*.py"):
        assert not {name.split(".")[0] for name in imports(path)} & {"numpy", "pyarrow", "PIL", "sklearn"}, path


def test_work_that_is_done_apart_needs_no_prefect() -> None:
    """Processes that do it start in half the time without."""
    found = [path for path in (ROOT / "tasks").rglob("tasks.py") if "tasks.processes.apart" in imports(path)]
    handed = {name for path in found for name in re.findall(r"\bapart\((\w+)", path.read_text())}
    homes = {name for path in found for name in imports(path) if name.rpartition(".")[2] in handed}
    assert len(homes) == len(handed) >= 5
    modules = {home.rpartition(".")[0] for home in homes}
    program = f"import sys; [__import__(name) for name in {sorted(modules)}]; sys.exit('prefect' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)


def test_one_package_touches_the_file_system() -> None:
    """Beside `disk`, `started` asks for the current folder, and `place` and `workspace` for what the system says.

    In a bucket's room, `scratch` is a folder of this machine, and `objects` asks for the environment.
    """
    touching = {"os", "shutil", "fcntl", "filelock", "tempfile"}
    storage = ROOT / "tasks" / "storage"
    outside = (path for path in storage.rglob("*.py") if storage / "disk" not in path.parents)
    found = {path.stem for path in outside if imports(path) & touching}
    assert found == {"started", "place", "workspace", "scratch", "objects"}


def test_one_module_speaks_with_object_stores() -> None:
    found = {path.stem for path in (ROOT / "tasks").rglob("*.py") if "obstore" in imports(path)}
    assert found == {"objects"}
