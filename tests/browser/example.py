"""Renew the output of the example notebook and the picture of the quickstart: ``python -m tests.browser.example``."""

import io
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from PIL import Image
from playwright.sync_api import sync_playwright

from tests.build import ROOT

NOTEBOOK, PICTURE = ROOT / "docs" / "example.ipynb", ROOT / "docs" / "quickstart.png"
NOTEBOOKS: Any = nbformat  # without types
SHOWN = "/home/you/example"  # instead of the folder where the notebook ran


def executed(folder: Path) -> Any:
    """Return the example notebook after it ran in a folder, which then has the data set and the workspace."""
    from nbclient import NotebookClient  # which takes a quarter of a second

    shutil.copy(ROOT / "docs" / "photographs.py", folder)
    book = NOTEBOOKS.read(NOTEBOOK, as_version=4)
    client = NotebookClient(book, timeout=240, kernel_name="python3", resources={"metadata": {"path": str(folder)}})
    return client.execute()


def main() -> None:
    """Run the notebook, write it with its output, and take the picture of the page of its first run."""
    with tempfile.TemporaryDirectory() as folder:
        book = executed(Path(folder))
        for cell in (each for each in book.cells if each.cell_type == "code"):
            cell.metadata.pop("execution", None)  # times
            cell.outputs = [each for each in cell.outputs if each.get("name") != "stderr"]
        NOTEBOOK.write_text(NOTEBOOKS.writes(book).replace(folder, SHOWN) + "\n")
        page = Path(folder, re.findall(r'<a href=\\"(workspace/[^"]+)\\"', NOTEBOOK.read_text())[0])
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            shown = browser.new_page(viewport={"width": 1280, "height": 800}, color_scheme="light")
            shown.goto(page.as_uri())
            picture = Image.open(io.BytesIO(shown.screenshot())).convert("RGB")
            browser.close()
        picture.quantize(256, method=Image.Quantize.FASTOCTREE).save(PICTURE, optimize=True)


if __name__ == "__main__":
    main()
