"""Take the picture of a report that the README shows: ``python -m tests.browser.picture RUN PNG``."""

import shutil
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

WIDTH, HEIGHT = 1200, 900


def main() -> None:
    """Photograph the first screen of a report beside two of its images, enlarged."""
    page_file, target = Path(sys.argv[1]).resolve() / "report.html", Path(sys.argv[2])
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
        page.goto(page_file.as_uri())
        shots = []
        for number, button in enumerate((None, page.locator(".gallery button").first)):
            if button:
                button.click()
            page.screenshot(path=target.with_suffix(f".{number}.png"))
            shots.append(target.with_suffix(f".{number}.png"))
        browser.close()
    sheets = [Image.open(shot).convert("RGB") for shot in shots]
    canvas = Image.new("RGB", (sum(sheet.width for sheet in sheets) + 60, HEIGHT + 40), (208, 215, 222))
    for number, sheet in enumerate(sheets):
        canvas.paste(sheet, (20 + number * (WIDTH + 20), 20))
    half = canvas.resize((canvas.width // 2, canvas.height // 2), Image.Resampling.LANCZOS)
    half.quantize(256, method=Image.Quantize.FASTOCTREE).save(target, optimize=True)
    for shot in shots:
        shot.unlink()


if __name__ == "__main__":
    main()
