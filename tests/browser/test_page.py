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

from flows.pipeline import audit
from tasks.presenting.page import build_page
from tasks.presenting.words import Numbers, sentences, text_of
from tasks.records import Report
from tasks.records.inputs import IgnoredKind
from tasks.storage import tables
from tasks.storage.place import Place
from tests.browser.keys import measure
from tests.build import glyphs, png, write_folder

WIDE, NARROW = 1280, 390
NUMBERS = "[...document.querySelectorAll('data')].map(d => [d.dataset.key, d.dataset.form, d.value, d.textContent])"
WITHOUT_KEYED = """(() => {
    const copy = document.body.cloneNode(true);
    const named = "data, bdi, script, figcaption, h1, caption, summary, section[aria-labelledby=settings]";
    copy.querySelectorAll(named).forEach(element => element.remove());
    return copy.textContent;
})()"""
UNFOLD = "document.querySelectorAll('details').forEach(d => d.open = true)"
PLAIN: list[dict[str, Any]] = [{}, {"color_scheme": "dark"}, {"java_script_enabled": False}]
HOSTILE = ['"><svg onload=alert(1)>', "</script><script>alert(1)</script>", "{{ 7 * 7 }}", "\u202egnp.exe", "x" * 255]


@contextmanager
def opened(
    browser: Browser, path: Path, width: int = WIDE, height: int = 900, **how: Any
) -> Iterator[tuple[Page, list[str]]]:
    """Open a page; warnings of the browser and its requests are recorded."""
    context = browser.new_context(viewport={"width": width, "height": height}, **how)
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
            page.evaluate(UNFOLD)
            fits = "caption => caption.getBoundingClientRect().right <= innerWidth"
            assert page.evaluate(f"[...document.querySelectorAll('caption')].every({fits})")
            assert page.evaluate("[...document.querySelectorAll('data')].every(d => d.getClientRects().length < 2)")
            assert page.evaluate("[...document.images].every(i => i.complete && i.naturalWidth > 0)")
            assert page.evaluate("[...document.images].every(i => i.alt.length > 0)")
        else:
            assert page.locator("th button").count() == 0
            assert page.locator("tbody tr").count() > 20
        assert not troubles
    assert (run.run / "report.html").stat().st_size < 5e6


@pytest.mark.parametrize("enlarged", [False, True])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_fault(run: Report, browser: Browser, scheme: Any, enlarged: bool) -> None:
    with opened(browser, run.run / "report.html", bypass_csp=True, color_scheme=scheme) as (page, _):
        page.evaluate(UNFOLD)
        if enlarged:
            page.locator(".gallery button").first.click()
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


def test_the_first_screen_has_the_answer_three_qualifications_the_next_step_and_a_picture(
    run: Report, browser: Browser
) -> None:
    with opened(browser, run.run / "report.html", height=800) as (page, _):
        assert [page.locator("h1").inner_text()] == sentences(Numbers(run), "in_short")
        assert page.locator(".outcome").inner_text() == "duplicates"
        assert 0 < page.locator(".qualifications li").count() <= 3
        assert page.locator(".next code").last.inner_text().startswith(f"cleansplit apply {run.run.name} ")
        first = page.locator(".gallery img").first.bounding_box()
        assert first
        assert first["y"] + first["height"] < 800
        assert page.locator("h2").all_inner_texts() == [
            "The duplicates",
            "The splits",
            "The effect on accuracy",
            "How duplicates are distinguished from look-alikes",
            "Which copies this search finds",
            "The input",
            "The images",
            "Settings",
        ]


def test_a_clean_set_has_a_short_page_without_empty_charts(
    prefect_server: None, browser: Browser, tmp_path: Path
) -> None:
    own = {name: write_folder(tmp_path / name, distinct(12, seed)) for seed, name in enumerate(("train", "test"))}
    clean = audit(**{name: str(folder) for name, folder in own.items()}, workspace=tmp_path / "w")
    with opened(browser, clean.run / "report.html", height=800) as (page, troubles):
        assert page.locator("h1").inner_text() == "No duplicates of the 12 test images were found in train."
        assert page.locator(".outcome").inner_text() == "clean"
        assert page.locator(".next").inner_text() == "Nothing has to be removed."
        assert page.locator(".gallery, .chart").count() == 0
        assert page.evaluate("document.documentElement.scrollHeight") < 1200
        assert not troubles


def distinct(count: int, seed: int) -> dict[str, bytes]:
    """Build files of images that differ."""
    return {f"{'ab'[i % 2]}/{i}.png": png(image) for i, image in enumerate(glyphs(count, seed=seed))}


def test_tables_can_be_sorted(run: Report, browser: Browser) -> None:
    with opened(browser, run.run / "report.html") as (page, troubles):
        table = page.locator("table.sortable").first
        table.locator("th button", has_text="exact").click()
        values = [int(text.replace(",", "")) for text in table.locator("tbody tr td:nth-child(4)").all_inner_texts()]
        assert values == sorted(values)
        assert table.locator("th[aria-sort=ascending]").count() == 1
        assert not troubles


def test_pictures_are_filtered_sorted_paged_and_show_which_image_goes(run: Report, browser: Browser) -> None:
    removed = tables.read(Place.of(run.run / "removed.parquet")).to_pylist()
    with opened(browser, run.run / "report.html") as (page, troubles):
        tools, pictures = page.locator(".tools"), page.locator(".gallery li")
        every = page.locator("[data-range]").first
        count = int((every.get_attribute("data-range") or "").split()[-2])
        assert count == len({row["twin_id"] for row in removed}), "a picture, and all images that repeat it"
        assert pictures.count() == min(24, count)
        tools.get_by_role("button", name="later").click()
        assert pictures.count() == min(24, count - 24)
        tools.get_by_label("sorted").select_option("most similar first")
        shown = [float(li.get_attribute("data-similarity") or 0) for li in pictures.all()]
        assert shown == sorted(shown, reverse=True)
        tools.get_by_label("Show").select_option("identical")
        assert {li.get_attribute("data-kinds") for li in pictures.all()} == {"exact"}
        tools.get_by_label("Show").select_option("all")
        gone = removed[3]
        tools.get_by_label("that contain").fill(gone["id"].upper())
        (caption,) = pictures.locator("figure", has_text=gone["id"]).locator("figcaption").all_inner_texts()
        assert caption.startswith(f"goes {gone['split']} {gone['class_name']}")
        (caption,) = pictures.locator("figure", has_text=gone["twin_id"]).locator("figcaption").all_inner_texts()
        assert caption.startswith(f"stays {gone['twin_split']}")
        assert not troubles


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_enlarged_images_are_side_by_side_and_overlaid_with_next_and_previous(
    run: Report, audited: Report, browser: Browser, width: int
) -> None:
    for report in (run, audited):
        with opened(browser, report.run / "report.html", width) as (page, troubles):
            page.locator(".gallery li:not([data-kinds~=conflict]) button").nth(1).click()
            which, views, overlay = page.locator("#which"), page.locator(".view img"), page.locator(".overlay img")
            boxes = [element.bounding_box() for element in [*views.all(), page.locator(".box")]]
            assert len(boxes) == 3, "two side by side, and two that are overlaid"
            assert all(box and min(box["width"], box["height"]) > (330 if width == WIDE else 150) for box in boxes)
            sizes = "({offsetWidth, offsetHeight}) => [offsetWidth, offsetHeight]"
            shape, same = (image.evaluate(sizes) for image in overlay.all())
            room = page.locator(".box").evaluate(sizes)
            assert shape == same
            assert min(have - need for have, need in zip(room, shape, strict=True)) in (0, 1), "as large as possible"
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert page.locator(".view strong").all_inner_texts() == ["stays", "goes"]
            first = page.locator(".view .id").all_inner_texts()
            place = int((which.get_attribute("data-range") or "").split()[0])
            page.keyboard.press("ArrowRight")
            assert (which.get_attribute("data-range") or "").startswith(f"{place + 1} of ")
            assert page.locator(".view .id").all_inner_texts() != first
            page.locator("#previous").click()
            assert page.locator(".view .id").all_inner_texts() == first
            page.locator("#mix").fill("80")
            assert overlay.last.evaluate("image => image.style.opacity") == "0.8"
            page.locator("#difference").click()
            assert overlay.last.evaluate("image => getComputedStyle(image).mixBlendMode") == "difference"
            page.locator("#blink").click()
            assert page.locator("#difference").get_attribute("aria-pressed") == "false"
            assert overlay.last.evaluate("image => getComputedStyle(image).animationName") == "blink"
            page.keyboard.press("Escape")
            assert page.locator("dialog[open]").count() == 0
            assert not troubles


def test_lists_can_be_saved(run: Report, browser: Browser) -> None:
    with opened(browser, run.run / "report.html") as (page, troubles):
        with page.expect_download() as saved:
            page.get_by_role("link", name="remove-test.txt").click()
        assert Path(saved.value.path()).read_text() == (run.run / "remove" / "test.txt").read_text()
        with page.expect_download() as saved:
            page.get_by_role("link", name="actions.csv").click()
        assert "keep" not in Path(saved.value.path()).read_text()
        assert len(Path(saved.value.path()).read_text().splitlines()) > 40
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
        tables_of_splits = page.locator("details", has=page.locator("#splits")).locator("table")
        assert "validation" not in " ".join(tables_of_splits.all_inner_texts())


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
        page.evaluate(UNFOLD)
        assert "{{ 7 * 7 }}" in page.locator("body").inner_text()
        assert f"999 {HOSTILE[0]}" in page.locator(".qualifications").inner_text()
        assert page.evaluate("document.documentElement.scrollWidth") <= NARROW
        assert not troubles


def test_the_page_prints(run: Report, browser: Browser, tmp_path: Path) -> None:
    with opened(browser, run.run / "report.html") as (page, _):
        page.pdf(path=tmp_path / "report.pdf")
    assert (tmp_path / "report.pdf").stat().st_size > 50_000


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_the_page_of_photographs_shows_them(audited: Report, browser: Browser, width: int) -> None:
    with opened(browser, audited.run / "report.html", width) as (page, troubles):
        shown = page.locator(".gallery li").first.locator("img")
        assert shown.first.get_attribute("src", timeout=5000).startswith("data:image/jpeg")  # type: ignore[union-attr]
        assert page.evaluate("document.querySelector('.gallery img').naturalWidth") > 60
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.evaluate(UNFOLD)
        assert page.evaluate("[...document.images].every(i => i.complete && i.naturalWidth > 0)")
        details = " ".join(tables.read(Place.of(audited.run / "quarantine.parquet"))["detail"].to_pylist())
        assert set(re.findall(r"\d+", page.evaluate(WITHOUT_KEYED))) <= set(re.findall(r"\d+", details))
        assert not troubles
    with opened(browser, audited.run / "report.html", bypass_csp=True) as (page, _):
        found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
        assert not [fault["id"] for fault in found if fault["impact"] in ("serious", "critical")]
