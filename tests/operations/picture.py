"""Open a page of Prefect's UI, keep a picture of it, and print its text: CHROMIUM URL PNG TEXT-TO-WAIT-FOR.

A process of its own: while Playwright runs, Prefect takes every call for one in an event loop.
"""

import sys

from playwright.sync_api import sync_playwright

from tests.browser.conftest import QUIET


def main() -> None:
    """Take the picture."""
    chromium, url, target, text = sys.argv[1:]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(QUIET))
        page = browser.new_page(viewport={"width": 1280, "height": 1000})
        page.goto(url)
        page.get_by_text(text).first.wait_for(timeout=60_000)
        page.screenshot(path=target, full_page=True)
        print(page.inner_text("body"))
        browser.close()


if __name__ == "__main__":
    main()
