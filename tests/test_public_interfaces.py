"""Only public interfaces of other packages are used: nothing with an underscore, nothing replaced."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house import ROOT, modules

OURS = {"flows", "tasks", "cleansplit", "tests"}
DOCUMENTED = {"_exit", "_make", "_replace", "_asdict", "_fields", "_typeshed"}  # of os, named tuples, and for types
MEANT = {"environ", "size", "info"}  # attributes that are there to be set: of os, a member of a tar, an image
QUIET = ROOT / "tasks" / "stage_task.py"  # the one module that knows names of loggers


def violations(source: str) -> Iterator[str]:
    """Yield what a module uses of other packages although it is not public."""
    tree = ast.parse(source)
    nodes = list(ast.walk(tree))
    foreign = set(_imported(nodes))
    yield from (name for name in foreign if any(map(_private, name.split("."))))
    names = {name.rpartition(".")[2] for name in foreign} | {name.partition(".")[0] for name in foreign}
    for node in nodes:  # what something of another package makes is that package's, too
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and _root(node.value.func) in names:
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    own = set(_defined(nodes))
    for node in nodes:
        text = ast.unparse(node) if isinstance(node, ast.Attribute | ast.Call | ast.Constant) else ""
        if isinstance(node, ast.Attribute):
            ours = _root(node) in ("self", "cls") and node.attr in own
            replaced = isinstance(node.ctx, ast.Store | ast.Del) and _root(node) in names and node.attr not in MEANT
            if (_private(node.attr) and not ours) or replaced:
                yield text
        if text.startswith(("setattr(", "delattr(")) or (isinstance(node, ast.Constant) and "PREFECT__" in text):
            yield text


def _imported(nodes: list[ast.AST]) -> Iterator[str]:
    """Yield the dotted name of every import from other packages, and its local name."""
    for node in nodes:
        if isinstance(node, ast.Import):
            found = [(alias.name, alias.asname) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found = [(f"{node.module}.{alias.name}", alias.asname) for alias in node.names]
        else:
            continue
        for name, called in found:
            if name.partition(".")[0] not in OURS:
                yield from filter(None, (name, called))


def _defined(nodes: list[ast.AST]) -> Iterator[str]:
    """Yield what a module itself defines or assigns."""
    for node in nodes:
        if isinstance(node, ast.FunctionDef):
            yield node.name
        elif isinstance(node, ast.Attribute | ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.attr if isinstance(node, ast.Attribute) else node.id


def _private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name not in DOCUMENTED


def _root(node: ast.AST) -> str | None:
    while isinstance(node, ast.Attribute | ast.Call | ast.Subscript):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else None


@pytest.mark.parametrize("path", modules().values(), ids=lambda path: str(path.relative_to(ROOT)))
def test_only_public_interfaces_of_other_packages_are_used(path: Path) -> None:
    assert not list(violations(path.read_text()))
    assert path == QUIET or "getLogger(" not in path.read_text()


@pytest.mark.parametrize(
    "planted",
    [
        "from prefect._internal import x",
        "from prefect.flows import _x",
        "import prefect._internal.x",
        "import uvicorn\nuvicorn.Server.main_loop = None",
        "import uvicorn\nserver = uvicorn.Server(1)\nserver.main_loop = None",
        "from prefect import flow\nsetattr(flow, 'x', 1)",
        "from prefect import Flow\nFlow.__call__ = None",
        "from a import B\nclass Own(B):\n    def submit(self): self._optimize_futures()",
        "import os\nos.environ['PREFECT__SERVER_EPHEMERAL'] = '1'",
    ],
)
def test_what_is_not_public_is_found(planted: str) -> None:
    assert list(violations(planted))
