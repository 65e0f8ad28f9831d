"""Renew the README's picture, the page of the quickstart's photographs: ``python -m tests.browser.picture``."""

import io
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from tests.build import ROOT

TARGET = ROOT / "docs" / "report.png"
WIDTH, HEIGHT, EDGE = 1200, 900, 20
ENLARGED = 3  # place of an image that was cut, among all


def main() -> None:
    """Photograph the first screen of a page, and an enlarged duplicate."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, ROOT / "docs" / "photographs.py", "photos"], cwd=folder, check=True)
        audit = [sys.executable, "-m", "flows.command.cli", "audit", "photos"]
        subprocess.run(audit, cwd=folder, check=True)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
            page.goto(Path(folder, "workspace", "latest", "report.html").as_uri())
            shots = [page.screenshot()]
            page.locator(".gallery button").nth(ENLARGED).click()
            shots.append(page.screenshot())
            browser.close()
    canvas = Image.new("RGB", (2 * WIDTH + 3 * EDGE, HEIGHT + 2 * EDGE), (208, 215, 222))
    for number, shot in enumerate(shots):
        canvas.paste(Image.open(io.BytesIO(shot)), (EDGE + number * (WIDTH + EDGE), EDGE))
    half = canvas.resize((canvas.width // 2, canvas.height // 2), Image.Resampling.LANCZOS)
    half.quantize(256, method=Image.Quantize.FASTOCTREE).save(TARGET, optimize=True)


if __name__ == "__main__":
    main()
