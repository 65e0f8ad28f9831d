"""The page of a real run in a real browser: wide and narrow, light and dark, with and without script."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Request

from tasks.presenting.numbers import Numbers, text_of
from tasks.presenting.page import build_page
from tasks.presenting.words import effect_in_short, headline
from tasks.records import Report
from tasks.records.rows import IgnoredKind
from tasks.storage import tables
from tasks.storage.place import Place
from tests.browser.keys import measure

WIDE, NARROW = 1280, 390
NUMBERS = "[...document.querySelectorAll('data')].map(d => [d.dataset.key, d.dataset.form, d.value, d.textContent])"
WITHOUT_KEYED = """(() => {
    const copy = document.body.cloneNode(true);
    const named = "data, bdi, script, figcaption, h1, caption, summary, section[aria-labelledby=settings]";
    copy.querySelectorAll(named).forEach(element => element.remove());
    return copy.textContent;
})()"""
PLAIN: list[dict[str, Any]] = [{}, {"color_scheme": "dark"}, {"java_script_enabled": False}]
HOSTILE = ['"><svg onload=alert(1)>', "</script><script>alert(1)</script>", "{{ 7 * 7 }}", "\u202egnp.exe", "x" * 255]


@contextmanager
def opened(browser: Browser, path: Path, width: int = WIDE, **how: Any) -> Iterator[tuple[Page, list[str]]]:
    """Open a page; what the browser complains about, or asks of the network, is written down."""
    context = browser.new_context(viewport={"width": width, "height": 900}, **how)
    troubles: list[str] = []
    page = context.new_page()
    page.on("console", lambda message: troubles.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: troubles.append(f"error: {error}"))
    page.on("dialog", lambda dialog: troubles.append(f"dialog: {dialog.message}"))
    page.on("request", lambda request: note_request(request, troubles))
    page.goto(path.as_uri())
    yield page, troubles
    context.close()


def note_request(request: Request, troubles: list[str]) -> None:
    if not request.url.startswith(("data:", "file:")):
        troubles.append(f"request: {request.url}")


@pytest.mark.parametrize("width", [WIDE, NARROW])
@pytest.mark.parametrize("how", PLAIN, ids=["light", "dark", "plain"])
def test_every_image_loads_nothing_leaves_and_nothing_overflows(
    run: Report, browser: Browser, width: int, how: dict[str, Any]
) -> None:
    with opened(browser, run.run / "report.html", width, **how) as (page, troubles):
        assert page.title().startswith("cleansplit: ")
        images = page.locator("img")
        assert images.count() > 30
        if how.get("java_script_enabled", True):
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
            assert page.evaluate("[...document.images].every(i => i.complete && i.naturalWidth > 0)")
            assert page.evaluate("[...document.images].every(i => i.alt.length > 0)")
        else:
            assert page.locator("th button").count() == 0
            assert page.locator("tbody tr").count() > 20
        assert not troubles
    assert (run.run / "report.html").stat().st_size < 5e6


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_fault(run: Report, browser: Browser, scheme: Any) -> None:
    with opened(browser, run.run / "report.html", bypass_csp=True, color_scheme=scheme) as (page, _):
        found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
        serious = [fault for fault in found if fault["impact"] in ("serious", "critical")]
        assert not [f"{fault['id']}: {fault['nodes'][0]['html'][:120]}" for fault in serious]
        assert "heading-order" not in {fault["id"] for fault in found}


def test_every_number_is_that_of_the_report(run: Report, browser: Browser) -> None:
    with opened(browser, run.run / "report.html") as (page, _):
        shown = page.evaluate(NUMBERS)
    content = json.loads((run.run / "report.json").read_text())
    assert len(shown) > 300
    for key, form, exact, text in shown:
        name, _, rest = key.partition(".parquet.")
        if rest:
            row, column = rest.split(".")
            value = tables.read(Place.of(run.run / f"{name}.parquet"))[column][int(row)].as_py()
        else:
            value = measure(content, key)
        assert exact == ("" if value is None else repr(value)), key
        assert text == text_of(value, form), key
    keys = {key for key, *_ in shown}
    assert {"sanitized.near.test", "near_duplicates.recall_measured.found_at_floor", "conservation.*.members"} <= keys


def test_no_number_stands_outside_a_keyed_element(run: Report, browser: Browser) -> None:
    """All that is left once keyed numbers are taken out are names, settings and constants of the sentences."""
    with opened(browser, run.run / "report.html") as (page, _):
        left = page.evaluate(WITHOUT_KEYED)
    assert set(re.findall(r"\d[\d.,]*", left.replace("1nn", ""))) <= {"30"}


def test_the_page_says_what_the_terminal_says(run: Report, browser: Browser) -> None:
    answer = f"{headline(Numbers(run))} {effect_in_short(Numbers(run))}"
    with opened(browser, run.run / "report.html") as (page, _):
        assert " ".join(page.locator(".headline").inner_text().split()) == answer
        order = page.locator("h2").all_inner_texts()
    assert order[:5] == [
        "Is my test set clean?",
        "How large is the overlap, and of what kind?",
        "Did it matter?",
        "What was removed, and was that right?",
        "What was wrong with the input?",
    ]


def test_doubtful_twins_come_first_and_tables_can_be_sorted(run: Report, browser: Browser) -> None:
    with opened(browser, run.run / "report.html") as (page, troubles):
        similarities = page.locator("section[aria-labelledby=removed] .pairs").first.locator("data").all_inner_texts()
        assert similarities == sorted(similarities)
        table = page.locator("table.sortable").first
        table.locator("th button", has_text="exact").click()
        values = [int(text.replace(",", "")) for text in table.locator("tbody tr td:nth-child(4)").all_inner_texts()]
        assert values == sorted(values)
        assert table.locator("th[aria-sort=ascending]").count() == 1
        page.get_by_label("Show rows that contain").first.fill("no such thing")
        assert not troubles


def test_pairs_are_paged_filtered_sorted_and_enlarged(run: Report, browser: Browser) -> None:
    with opened(browser, run.run / "report.html") as (page, troubles):
        tools, pairs = page.locator(".tools").first, page.locator(".tools + ul.pairs").first
        every = int(page.locator(".tools [data-range]").first.get_attribute("data-range").rpartition(" ")[2])  # type: ignore[union-attr]
        assert pairs.locator("li").count() == min(18, every)
        tools.get_by_role("button", name="later").click()
        assert pairs.locator("li").count() == min(18, every - 18)
        tools.get_by_label("sorted").select_option("most similar first")
        shown = [float(li.get_attribute("data-similarity") or 0) for li in pairs.locator("li").all()]
        assert shown == sorted(shown, reverse=True)
        name = pairs.locator("bdi").nth(2).inner_text()
        tools.get_by_label("Pairs that contain").fill(name.upper())
        assert pairs.locator("li").count() >= 1
        assert all(name in text for text in pairs.locator("li").all_inner_texts())
        pairs.locator("button.images").first.click()
        assert page.locator("dialog[open] img").first.bounding_box()["width"] > 200  # type: ignore[index]
        page.keyboard.press("Escape")
        assert page.locator("dialog[open]").count() == 0
        assert not troubles


def test_lists_can_be_saved_and_groups_have_names(run: Report, browser: Browser) -> None:
    with opened(browser, run.run / "report.html") as (page, troubles):
        with page.expect_download() as saved:
            page.get_by_role("link", name="remove-test.txt").click()
        assert Path(saved.value.path()).read_text() == (run.run / "remove" / "test.txt").read_text()
        with page.expect_download() as saved:
            page.get_by_role("link", name="actions.csv").click()
        assert "keep" not in Path(saved.value.path()).read_text()
        assert len(Path(saved.value.path()).read_text().splitlines()) > 40
        members = tables.read(Place.of(run.run / "removed.parquet"))["id"].to_pylist()
        assert any(name in page.locator(".groups .id").first.inner_text() for name in members)
        assert not troubles


def test_no_table_is_wider_than_a_page_and_an_absent_split_has_no_rows(
    run: Report, audited: Report, browser: Browser
) -> None:
    wide = "[...document.querySelectorAll('.scroll')].filter(e => e.scrollWidth > e.clientWidth).length"
    for report in (run, audited):
        with opened(browser, report.run / "report.html") as (page, _):
            assert page.evaluate(wide) == 0
    assert audited.rows.validation == 0
    with opened(browser, audited.run / "report.html") as (page, _):
        said = page.locator("main section[aria-labelledby=clean], main section[aria-labelledby=overlap] table")
        assert "validation" not in " ".join(said.all_inner_texts())


def test_hostile_names_change_nothing(run: Report, browser: Browser, tmp_path: Path) -> None:
    names = dict(zip(run.classes, [*HOSTILE, *run.classes[len(HOSTILE) :]], strict=True))
    sources: dict[str, Any] = {"large": HOSTILE[0], "small": HOSTILE[1]}
    spec = replace(run.spec, **sources)
    inputs = tuple(replace(entry, name=name) for entry, name in zip(run.inputs, HOSTILE, strict=False))
    rows = tuple(replace(row, class_name=row.class_name and names[row.class_name]) for row in run.conservation)
    ignored = tuple(IgnoredKind(name, 999) for name in HOSTILE[:2])
    hostile = replace(run, spec=spec, inputs=inputs, conservation=rows, ignored=ignored)
    path = tmp_path / "hostile.html"
    path.write_text(build_page(Place.of(run.run), hostile))
    with opened(browser, path, NARROW) as (page, troubles):
        assert page.locator("svg").count() == 0
        assert page.locator("script").count() == 1
        assert "{{ 7 * 7 }}" in page.locator("body").inner_text()
        assert f"999 {HOSTILE[0]}" in page.locator(".headline").inner_text()
        assert page.evaluate("document.documentElement.scrollWidth") <= NARROW
        assert not troubles


def test_the_page_prints(run: Report, browser: Browser, tmp_path: Path) -> None:
    with opened(browser, run.run / "report.html") as (page, _):
        page.pdf(path=tmp_path / "report.pdf")
    assert (tmp_path / "report.pdf").stat().st_size > 50_000


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_the_page_of_photographs_shows_them(audited: Report, browser: Browser, width: int) -> None:
    with opened(browser, audited.run / "report.html", width) as (page, troubles):
        shown = page.locator(".pairs li").first.locator("img")
        assert shown.count() == 4  # both, one laid over the other, and what differs
        assert shown.first.get_attribute("src", timeout=5000).startswith("data:image/jpeg")  # type: ignore[union-attr]
        assert page.evaluate("document.querySelector('.pairs img').naturalWidth") > 60
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        assert page.evaluate("[...document.images].every(i => i.complete && i.naturalWidth > 0)")
        details = " ".join(tables.read(Place.of(audited.run / "quarantine.parquet"))["detail"].to_pylist())
        assert set(re.findall(r"\d+", page.evaluate(WITHOUT_KEYED))) <= set(re.findall(r"\d+", details))
        assert not troubles
    with opened(browser, audited.run / "report.html", bypass_csp=True) as (page, _):
        found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
        assert not [fault["id"] for fault in found if fault["impact"] in ("serious", "critical")]
