"""Imports go one way: flows -> tasks/<stage>/tasks.py -> the stage's own modules -> what all stages share."""

import re
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from tests.house import ROOT, arrows, imports, modules, room

SHARED = {"tasks", "tasks/storage", "tasks/records", "tasks/registration"}
MAY_IMPORT = {
    "tasks": set(),
    "tasks/storage": {"tasks"},
    "tasks/registration": {"tasks"},
    "tasks/records": {"tasks", "tasks/storage", "tasks/registration"},
    "tasks/sources": SHARED,
    "tasks/classes": SHARED | {"tasks/sources"},  # the members of a source
    "tasks/splits": SHARED,
    "tasks/overlap": SHARED,
    "tasks/evaluation": SHARED,
    "tasks/presenting": SHARED,
    "tasks/exporting": SHARED | {"tasks/classes", "tasks/sources"},  # pixels of photographs, as a run decodes them
    "tasks/reporting": SHARED | {"tasks/presenting", "tasks/exporting"},  # page, and originals
}
STAND_ALONE = [path for path in modules().values() if room(path) == "tasks"]


@pytest.mark.parametrize("path", modules().values(), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_room_imports_only_what_it_may(path: Path) -> None:
    home = {name: room(found) for name, found in modules().items()}
    used = {home[name] for name in imports(path) & home.keys()} - {room(path)}
    if room(path) in MAY_IMPORT:
        assert used <= MAY_IMPORT[room(path)]


def test_rooms_form_no_circle_and_few_arrows() -> None:
    found = arrows()
    order = TopologicalSorter[str]()
    for one, other in found:
        order.add(one, other)
    assert set(order.static_order()) >= MAY_IMPORT.keys()  # raises `CycleError` where there is a circle
    assert len({one for pair in found for one in pair}) <= 16
    assert len(found) <= 60


def test_what_every_room_shares_imports_no_room() -> None:
    for path in STAND_ALONE:
        used = {name.removeprefix("tasks.") for name in imports(path) if name.startswith("tasks.")}
        assert {name.split(".")[0] for name in used} <= {other.stem for other in STAND_ALONE}, path


def test_only_tasks_and_flows_know_prefect() -> None:
    for path in (ROOT / "tasks").rglob("*.py"):
        if path.name not in ("tasks.py", "stage_task.py"):
            assert "prefect" not in {name.split(".")[0] for name in imports(path)}, path


def test_flows_are_orchestration_only() -> None:
    for path in (ROOT / "flows").rglob("*.py"):
        assert not {name.split(".")[0] for name in imports(path)} & {"numpy", "pyarrow", "PIL", "sklearn"}, path


def test_work_of_processes_needs_no_prefect() -> None:
    """Processes that do it start in half the time without."""
    found = [path for path in (ROOT / "tasks").rglob("*.py") if "tasks.processes.in_worker" in imports(path)]
    handed = {name for path in found for name in re.findall(r"\bin_worker\((\w+)", path.read_text())}
    homes = {name for path in found for name in imports(path) if name.rpartition(".")[2] in handed}
    assert len(homes) == len(handed) >= 5
    modules = {home.rpartition(".")[0] for home in homes}
    program = f"import sys; [__import__(name) for name in {sorted(modules)}]; sys.exit('prefect' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)


def test_one_package_touches_the_file_system() -> None:
    """Beside `disk`, `started` asks for the current folder; `place` and `workspace` for what the system says.

    In a bucket's room, `scratch` is a folder of this machine, and `objects` asks for the environment.
    """
    touching = {"os", "shutil", "fcntl", "filelock", "tempfile"}
    found = {path.stem for path in (ROOT / "tasks" / "storage").rglob("*.py") if imports(path) & touching}
    disk = {"building", "disk", "store", "stores"}
    assert found == disk | {"started", "place", "workspace", "scratch", "objects"}


def test_one_module_speaks_with_object_stores() -> None:
    found = {path.stem for path in (ROOT / "tasks").rglob("*.py") if any("obstore" in name for name in imports(path))}
    assert found == {"objects"}
