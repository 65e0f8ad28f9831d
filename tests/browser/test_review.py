"""The review of a run in a real browser, served by the real command: decided by keyboard, kept, and honoured."""

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pyarrow.parquet as pq
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Request

from flows.pipeline import audit, dedupe
from tasks.records import Report
from tasks.reporting.review_app import Review
from tasks.reporting.review_pairs import Pair
from tasks.reporting.review_pictures import Glyphs
from tasks.reporting.review_server import listening, serve
from tasks.storage.place import Place
from tests.browser.test_page import HOSTILE
from tests.build import glyphs, noise, png, saved, scene, write_folder
from tests.flows.test_actions import actions_of
from tests.flows.test_cli import command, here

MANY = 10_000


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Build glyphs of which six in test have a near twin in train, one of those of another class, and one an exact."""
    folder, own = tmp_path_factory.mktemp("review"), glyphs(24, seed=5)
    train = {f"{'ab'[i % 2]}/{i:02d}.png": png(image) for i, image in enumerate(own)}
    test = {f"{'ab'[i % 2]}/near{i}.png": png(noise(own[i], 1, seed=i)) for i in range(5)}
    test |= {"a/other.png": png(noise(own[7], 1, seed=9)), "a/exact.png": png(own[8])}
    test |= {f"b/new{i}.png": png(image) for i, image in enumerate(glyphs(20, seed=6))}
    return {role: str(write_folder(folder / role, files)) for role, files in (("train", train), ("test", test))}


@pytest.fixture(scope="module")
def run(sources: dict[str, Any], prefect_server: None, tmp_path_factory: pytest.TempPathFactory) -> Report:
    return audit(**sources, workspace=tmp_path_factory.mktemp("w"))


@pytest.fixture
def undecided(run: Report) -> Iterator[Report]:
    """Take the decisions about the run away, and restore them afterwards."""
    file = run.run.parent.parent / "decisions.parquet"
    before = file.read_bytes() if file.exists() else b""
    file.unlink(missing_ok=True)
    yield run
    file.write_bytes(before) if before else file.unlink(missing_ok=True)


@contextmanager
def served(run: Path, *arguments: str, says: str = "") -> Iterator[str]:
    """Start the command, and yield the address that it prints; what it says begins with `says`."""
    process = subprocess.Popen(
        [sys.executable, "-m", "flows.command.cli", "review", str(run), "--no-browser", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=30)[1]
    assert process.returncode == 0
    assert said.startswith(says)
    kept = (run.parent.parent / "decisions.parquet").exists()
    assert said.splitlines()[-1].startswith("decisions are kept in " if kept else "nothing was decided")


@contextmanager
def opened(browser: Browser, address: str, **how: Any) -> Iterator[tuple[Page, list[str]]]:
    context = browser.new_context(viewport={"width": 1280, "height": 800}, **how)
    page, troubles = context.new_page(), []
    origin = "/".join(address.split("/")[:3])
    page.on("console", lambda message: troubles.append(message.text))
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("dialog", lambda dialog: troubles.append(dialog.message))
    page.on("request", lambda asked: note_foreign(asked, origin, troubles))
    page.goto(address)
    page.wait_for_selector("#pair:not([hidden])")
    yield page, troubles
    context.close()


def note_foreign(asked: Request, origin: str, troubles: list[str]) -> None:
    if not asked.url.startswith((origin, "data:")):
        troubles.append(asked.url)


def press(page: Page, keys: Iterable[str]) -> None:
    for key in keys:
        page.keyboard.press(key)
    page.evaluate("working")


def wait_for(page: Page, condition: str) -> None:
    """Wait until an expression holds; the page's policy forbids Playwright's own way."""
    for _ in range(200):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(50)
    raise AssertionError(condition)


def test_pairs_are_decided_by_keyboard_kept_over_a_restart_and_honoured(
    run: Report, sources: dict[str, Any], browser: Browser
) -> None:
    file = run.run.parent.parent / "decisions.parquet"
    assert run.sanitized.near.test == run.rows.test - 7
    says = "6 pairs to decide and 1 of identical images; Ctrl-C"
    with served(run.run, says=says) as address, opened(browser, address) as (page, troubles):
        assert page.inner_text("#done") == "0 of 6 decided"
        first = page.inner_text("#name-one .path")
        press(page, "d")
        assert page.inner_text("#done") == "1 of 6 decided"
        assert pq.read_table(file)["same"].to_pylist() == [False], "it is kept at once"
        press(page, "u")
        assert page.inner_text("#name-one .path") == first
        assert pq.read_table(file).num_rows == 0
        press(page, "dsss")
        assert page.inner_text("#done") == "4 of 6 decided"
        page.wait_for_load_state("networkidle")  # the pictures of the next pair are there
        assert page.evaluate("[...document.images].every(i => i.complete && i.naturalWidth > 0)")
        assert not troubles
    says = "6 pairs to decide, 4 of them decided, and 1 of identical images; Ctrl-C"
    with served(run.run, says=says) as address, opened(browser, address) as (page, troubles):
        assert page.inner_text("#done") == "4 of 6 decided"
        page.select_option("#state", "decided")
        assert page.locator("#rows li").count() == 4
        assert sorted(page.locator("#rows strong").all_inner_texts()) == ["different", "same", "same", "same"]
        page.select_option("#state", "all")
        page.select_option("#kind", "exact")
        assert page.locator("#rows li").count() == 1
        assert page.is_disabled("#same")
        press(page, "s")
        assert page.inner_text("#done") == "4 of 6 decided", "of identical images there is nothing to decide"
        page.select_option("#kind", "conflict")
        assert page.inner_text("#about .conflict").strip() == "a against b"
        assert not troubles
    where = ("--workspace", str(run.run.parent.parent), "--decisions", str(file))
    again = here("audit", "--train", sources["train"], "--test", sources["test"], *where)
    assert again.returncode == 0, again.stderr
    after = json.loads((Path(again.stdout.strip()) / "report.json").read_text())
    assert after["sanitized"]["near"]["test"] == run.sanitized.near.test + 1
    assert (after["judged"]["same"], after["judged"]["different"]) == (3, 1)
    with served(Path(again.stdout.strip())) as address, opened(browser, address) as (page, _):
        assert page.inner_text("#done") == "3 of 5 decided", "what was decided is not asked again"


def test_a_decision_that_cannot_be_stored_is_said_on_the_page(run: Report, browser: Browser) -> None:
    lock = run.run.parent.parent / ".decisions.parquet.lock"
    with served(run.run) as address, opened(browser, address) as (page, _):
        lock.unlink(missing_ok=True)
        lock.symlink_to(lock)
        page.select_option("#state", "all")
        press(page, "d")
        said = page.inner_text("#status")
        lock.unlink()
    assert said.startswith(f"The decision was not kept: cannot use {lock}: a symbolic link is where a file should be;")


def test_a_damaged_file_of_decisions_is_said_and_nothing_is_taken_back(undecided: Report, browser: Browser) -> None:
    run = undecided.run
    file = run.parent.parent / "decisions.parquet"
    with served(run) as address, opened(browser, address) as (page, _):
        press(page, "d")
        kept = file.read_bytes()
        file.write_bytes(b"x")
        press(page, "u")
        assert page.inner_text("#status").startswith(f"The decision was not kept: {file} is unreadable Parquet")
        page.reload()
        wait_for(page, "document.getElementById('status').textContent !== ''")
        assert page.inner_text("#status").startswith(f"The pairs can't be shown: {file} is unreadable Parquet")
        file.write_bytes(kept)
        page.reload()
        page.wait_for_selector("#pair:not([hidden])")
        press(page, "u")
    assert pq.read_table(file).num_rows == 1, "what another page decided is not taken back"


def test_a_second_window_replaces_no_decision_that_it_does_not_show(undecided: Report, browser: Browser) -> None:
    run = undecided.run
    file = run.parent.parent / "decisions.parquet"
    with served(run) as address, opened(browser, address) as (one, _), opened(browser, address) as (two, _):
        press(two, "d")
        press(one, "d")
        assert one.inner_text("#status").startswith("The decision was not kept: it was decided in another window")
        one.reload()
        one.wait_for_selector("#pair:not([hidden])")
        one.select_option("#state", "all")
        press(one, ["ArrowLeft", "s"])
        press(two, "u")
        assert two.inner_text("#status").startswith("The decision was not kept: it was decided in another window")
        assert pq.read_table(file)["same"].to_pylist() == [True]
        one.goto("about:blank")
        one.go_back()
        one.wait_for_selector("#pair:not([hidden])")
        assert one.inner_text("#done") == "1 of 6 decided"


def test_a_key_that_is_held_decides_one_pair_and_keys_work_after_the_slider(
    undecided: Report, browser: Browser
) -> None:
    with served(undecided.run) as address, opened(browser, address) as (page, _):
        for _ in range(5):
            page.keyboard.down("s")
        page.keyboard.up("s")
        page.evaluate("working")
        assert page.inner_text("#done") == "1 of 6 decided"
        page.click("#mix")
        press(page, "d")
        assert page.inner_text("#done") == "2 of 6 decided"


def test_of_two_labels_the_wrong_one_is_named_kept_and_honoured(
    prefect_server: None, browser: Browser, tmp_path: Path
) -> None:
    own = glyphs(24, seed=8)
    files = {f"a/{i:02d}.png": png(image) for i, image in enumerate(own)}
    files |= {"b/same.png": png(own[3]), "b/near.png": png(noise(own[5], 1, seed=1)), "b/<i>.png": png(own[9])}
    found = dedupe(source=str(write_folder(tmp_path / "set", files)), workspace=tmp_path / "w")
    with served(found.run) as address, opened(browser, address) as (page, troubles):
        page.select_option("#kind", "conflict")
        page.select_option("#sort", "path")
        assert page.inner_text("#done") == "0 of 3 decided"
        assert page.inner_text("#first") == "1 a is wrong"
        page.keyboard.press("ArrowLeft")
        press(page, "s2")  # of identical images there is no other question than the label
        assert page.inner_text("#done") == "1 of 3 decided"
        assert page.inner_text("#status") == "second label wrong: b/same.png"
        press(page, "1")
        assert page.inner_text("#status") == "first label wrong: a/05.png"
        press(page, "u")
        assert page.inner_text("#done") == "1 of 3 decided"
        page.click("#first")
        page.evaluate("working")
        page.select_option("#state", "decided")
        assert page.locator("#rows strong").all_inner_texts() == ["second label wrong", "first label wrong"]
        assert not troubles
    says = "3 pairs to decide, 2 of them decided; Ctrl-C"
    with served(found.run, says=says) as address, opened(browser, address) as (page, _):
        assert page.inner_text("#done") == "2 of 3 decided", "it is kept"
        mine = {"Origin": "/".join(address.split("/")[:3])}
        pairs = httpx.get(f"{address}pairs").json()
        (same,) = [n for n, pair in enumerate(pairs) if pair["right"] == "a"]
        for content, status in (("true", 400), ('"third"', 400), ('"first"', 204), ("null", 204), ('"second"', 204)):
            assert httpx.post(f"{address}decide/{same}", content=content, headers=mine).status_code == status, content
    where = ("--workspace", str(tmp_path / "w"), "--decisions", str(tmp_path / "w" / "decisions.parquet"))
    again = here("dedupe", str(tmp_path / "set"), *where)
    assert again.returncode == 0, again.stderr
    wrong = [row for row in actions_of(Path(again.stdout.strip())) if row["action"] != "keep"]
    assert {row["path"].rpartition("/set/")[2]: (row["action"], row["new_class"]) for row in wrong} == {
        "b/same.png": ("relabel", "a"), "a/05.png": ("relabel", "b"), "a/09.png": ("review", ""),
        "b/<i>.png": ("review", ""),
    }  # fmt: skip


def test_the_image_that_stays_can_be_swapped_and_the_group_is_shown(
    prefect_server: None, browser: Browser, tmp_path: Path
) -> None:
    own = glyphs(24, seed=8)
    files = {f"a/{i:02d}.png": png(image) for i, image in enumerate(own)}
    files |= {f"a/near{i}.png": png(noise(own[5], 1, seed=i)) for i in (1, 2)}
    found = dedupe(source=str(write_folder(tmp_path / "set", files)), workspace=tmp_path / "w")
    assert [path.rpartition("/")[2] for path in (found.run / "keep.txt").read_text().split()][5] == "05.png"
    with served(found.run) as address, opened(browser, address) as (page, troubles):
        page.select_option("#sort", "path")
        assert page.inner_text("#name-one").split("\n") == ["goes a", "a/near1.png"]
        assert page.inner_text("#name-two").split("\n") == ["stays a", "a/05.png"]
        assert page.inner_text("#group").split("\n") == ["Group of 3:", "goes"]
        assert page.is_hidden("#split"), "one set has no splits"
        assert page.inner_text("#about").startswith("near-duplicate, similarity ")
        page.click("#group button")
        page.evaluate("working")
        assert page.inner_text("#name-one .path") == "a/near2.png"
        page.keyboard.press("ArrowLeft")
        press(page, "k")
        assert page.inner_text("#done") == "1 of 2 decided"
        press(page, "s")
        assert page.inner_text("#tally") == "(1 same, 1 swapped)"
        assert page.inner_text("#end") == "2 of 2 pairs are decided: 1 same, 1 swapped."
        command_line = page.inner_text("#nothing code")
        page.select_option("#state", "decided")
        assert [page.inner_text(f"#{name} strong") for name in ("name-one", "name-two")] == ["stays", "goes"]
        press(page, "kk")
        assert page.inner_text("#name-one strong") == "stays", "the key swaps back and forth"
        assert not troubles
        same = next(n for n, pair in enumerate(httpx.get(f"{address}pairs").json()) if pair["stays"] is None)
        mine = {"Origin": "/".join(address.split("/")[:3])}
        for content, status in (('"keep third"', 400), ('"keep first"', 204), ("true", 204)):
            assert httpx.post(f"{address}decide/{same}", content=content, headers=mine).status_code == status, content
    again = here(*shlex.split(command_line)[1:])
    assert again.returncode == 0, again.stderr
    names = {path.rpartition("/")[2] for path in (Path(again.stdout.strip()) / "remove.txt").read_text().split()}
    assert names == {"05.png", "near2.png"}, "near1 stays instead"


def test_photographs_are_shown_as_they_are_and_laid_over_each_other(
    prefect_server: None, browser: Browser, tmp_path: Path
) -> None:
    pictures = [scene(400, 300, seed=seed) for seed in range(30)]
    train = {f"a/{i:02d}.jpg": saved(picture, "JPEG", quality=90) for i, picture in enumerate(pictures)}
    cut = pictures[3].crop((20, 15, 380, 290))
    test = {"a/cut.jpg": saved(cut, "JPEG"), "a/tiff.tiff": saved(pictures[4].resize((300, 225)), "TIFF")}
    test |= {f"a/new{i}.jpg": saved(scene(400, 300, seed=90 + i), "JPEG") for i in range(12)}
    train["a/z05.jpg"], test["a/zcut.jpg"] = train["a/05.jpg"], saved(cut, "JPEG", quality=60)
    given: dict[str, Any] = {r: str(write_folder(tmp_path / r, f)) for r, f in (("train", train), ("test", test))}
    found = audit(**given, workspace=tmp_path / "w")
    with served(found.run) as address, opened(browser, address) as (page, troubles):
        page.select_option("#sort", "path")
        page.click("#rows li")
        wait_for(page, "document.getElementById('overlay').style.visibility === 'visible'")
        assert page.inner_text("#name-one .path") == "a/cut.jpg"
        assert page.evaluate("document.getElementById('one').naturalWidth") == cut.width
        assert page.evaluate("document.getElementById('two').naturalWidth") == 400
        scale = page.evaluate("new DOMMatrix(getComputedStyle(document.getElementById('over')).transform).a")
        assert scale == pytest.approx(400 / 360, abs=0.02), "the whole picture is larger than the cut one"
        press(page, "b")
        assert page.get_attribute("#blink", "aria-pressed") == "true"
        press(page, "d")
        wait_for(page, "document.getElementById('one').naturalWidth === 96")  # browsers show no TIFF
        page.select_option("#kind", "inside")
        page.select_option("#state", "all")
        fates = []
        for key in ("ArrowLeft", "ArrowRight", "k"):
            page.keyboard.press(key)
            page.evaluate("working")
            fates.append([page.inner_text(f"#name-{side}").split("\n")[0] for side in ("one", "two")])
        assert fates == [["extra copy train, a", "stays train, a"], *[["goes test, a", "goes test, a"]] * 2]
        assert not troubles
    for path in (tmp_path / "train").rglob("*.jpg"):
        path.unlink()
    with served(found.run) as address, opened(browser, address) as (page, troubles):
        wait_for(page, "document.getElementById('two').naturalWidth === 96")
        assert not troubles, "thumbnails of what is gone"


def test_axe_finds_no_serious_fault(run: Report, browser: Browser) -> None:
    schemes: tuple[Any, ...] = ("light", "dark")
    with served(run.run) as address, opened(browser, address, bypass_csp=True) as (page, _):
        page.select_option("#state", "all")
        for scheme in schemes:
            page.emulate_media(color_scheme=scheme)
            found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
            serious = [fault for fault in found if fault["impact"] in ("serious", "critical")]
            assert not serious, (scheme, [(fault["id"], fault["nodes"][0]["html"]) for fault in serious])


@contextmanager
def many(run: Report, workspace: Path, names: list[str]) -> Iterator[str]:
    """Serve a review of very many pairs of a run's images under given names, in a thread."""
    ids = pq.read_table(next((run.run / "raw").glob("train-*")), columns=["id"])["id"].to_pylist()
    pictures = Glyphs(Place.of(run.run), ids)
    pairs = []
    for number in range(MANY):
        name, digests = names[number % len(names)], (number.to_bytes(16, "big"), b"\xff" * 16)
        one, two = f"test/{name}/{number}", f"train/{name}/{number}"
        pictures.gray[one] = pictures.gray[two] = pictures.gray[ids[number % len(ids)]]
        similarity, goes = 0.9 + number / MANY / 10, (True, False)
        pairs.append(Pair(one, two, (name, "b"), ("test", "train"), similarity, None, digests, goes, ["near"], number))
    review, told = Review("many", pairs, pictures, Place.of(workspace), "ink", "sanitize", False), threading.Event()
    with listening(0) as at:
        address: list[str] = []

        def announce(where: str) -> None:
            address.append(where)
            told.set()

        threading.Thread(target=serve, args=(review, at, announce), daemon=True).start()
        assert told.wait(30)
        yield address[0]


def test_ten_thousand_pairs_stay_smooth_and_three_hundred_are_decided_in_minutes(
    run: Report, browser: Browser, tmp_path: Path, record_property: Any
) -> None:
    with many(run, tmp_path, ["a"]) as address, opened(browser, address) as (page, troubles):
        frames = page.evaluate("""async () => {
            const list = document.getElementById("list"), times = [];
            let last = performance.now();
            for (let i = 0; i < 120; i++) {
                list.scrollTop += 2500;
                await new Promise(requestAnimationFrame);
                const now = performance.now();
                times.push(now - last);
                last = now;
            }
            return times.sort((a, b) => a - b);
        }""")
        record_property("frames", f"median {frames[60]:.1f} ms, slowest of 120 {frames[-1]:.1f} ms")
        assert page.locator("#rows li").count() < 60, "only what can be seen exists"
        start = page.evaluate("performance.now()")
        for _ in range(100):
            page.keyboard.press("s")
        page.evaluate("working")
        seconds = (page.evaluate("performance.now()") - start) / 1000
        record_property("decisions", f"{seconds / 100:.3f} s each")
        print(f"frames: median {frames[60]:.1f} ms, slowest {frames[-1]:.1f} ms; {seconds / 100:.3f} s a decision")
        assert page.inner_text("#done") == "100 of 10,000 decided"
        assert pq.read_table(tmp_path / "decisions.parquet").num_rows == 100
        assert not troubles


def test_hostile_names_stay_text(run: Report, browser: Browser, tmp_path: Path) -> None:
    with many(run, tmp_path, HOSTILE) as address, opened(browser, address) as (page, troubles):
        page.select_option("#sort", "path")
        for _ in range(3):
            press(page, "s")
        assert page.locator("#class option").count() == len(HOSTILE) + 2
        assert page.evaluate("document.documentElement.scrollWidth") <= 1280
        assert page.evaluate("document.querySelectorAll('svg, body script').length") == 0
        assert not troubles


def test_no_list_of_processes_shows_the_address_and_the_browser_is_opened_beside_the_server(
    run: Report, tmp_path: Path
) -> None:
    browser = tmp_path / "browser"
    browser.write_text(f"#!{sys.executable}\n{BROWSER}")
    browser.chmod(0o755)
    environment = os.environ | {"BROWSER": f"{browser} %s", "SEEN": str(tmp_path / "seen")}
    command = [sys.executable, "-m", "flows.command.cli", "review", str(run.run)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as process:
        assert process.stdout is not None
        token = process.stdout.readline().split("/")[3]
        wait_until((tmp_path / "seen").exists)
        process.send_signal(signal.SIGINT)
    status, mode, *lines = (tmp_path / "seen").read_text().splitlines()
    assert (status, mode) == ("200", "0o600")
    assert any("review" in line for line in lines)
    assert not any(token in line for line in lines)
    assert not list(run.run.parent.parent.glob(".review*"))


BROWSER = """
import os, re, sys, urllib.request
from pathlib import Path
file = Path(sys.argv[1].removeprefix("file://"))
with urllib.request.urlopen(re.search("http://[^\\"]*", file.read_text())[0], timeout=30) as answer:
    lines = [str(answer.status), oct(file.stat().st_mode & 0o777)]
for each in Path("/proc").glob("[0-9]*/cmdline"):
    try:
        lines.append(each.read_bytes().decode(errors="replace").replace(chr(10), " "))
    except OSError:
        pass
Path(os.environ["SEEN"] + ".part").write_text(chr(10).join(lines))
os.rename(os.environ["SEEN"] + ".part", os.environ["SEEN"])
"""


def wait_until(condition: Callable[[], bool]) -> None:
    for _ in range(600):
        if condition():
            return
        time.sleep(0.1)
    raise AssertionError("nothing came")


def test_nobody_else_is_answered(run: Report) -> None:
    with served(run.run) as address:
        origin = "/".join(address.split("/")[:3])
        with httpx.Client(base_url=address) as client:
            page = client.get("")
            assert page.status_code == 200
            assert "default-src 'none'" in page.headers["content-security-policy"]
            assert page.headers["referrer-policy"] == "no-referrer"
            assert "access-control-allow-origin" not in page.headers
            assert client.get("image/0/0").headers["content-security-policy"].endswith("sandbox")
            for path in ("image/99999/0", "image/0/2", "laid/99999", "image/-1/0", "review.py", "..%2fapp.py"):
                assert client.get(path).status_code == 404, path
            mine = {"Origin": origin}
            assert client.post("decide/0", content="true", headers=mine).status_code == 204
            assert client.post("decide/0", content="null", headers=mine).status_code == 204
            for content, headers, status in (
                ("true", {"Origin": "http://evil.example"}, 403),
                ("true", {}, 403),
                ("true", {"Origin": "null"}, 403),
                ("1234", mine, 400),
                ("x" * 2000, mine, 403),
            ):
                assert client.post("decide/0", content=content, headers=headers).status_code == status, headers
            assert client.put("decide/0", content="true", headers=mine).status_code == 403
            assert client.get("", headers={"Host": "evil.example"}).status_code == 400
        for path in ("/", "/pairs", "/x/pairs", address.split("/")[3].upper() + "/"):
            assert httpx.get(f"{origin}/{path.lstrip('/')}").status_code == 403, path


def test_a_signal_before_the_first_request_ends_the_review_even_where_python_drops_exceptions(run: Report) -> None:
    """Like the callbacks of the import system, which run until the server is ready."""
    told = f"""
import signal, weakref
from flows.engine.interrupt import stop_as_usual
from tasks.reporting.review_server import listening, prepare_review, serve
from tasks.storage import Place

def announce(address: str) -> None:
    gone = set()
    told = weakref.ref(gone, lambda _: signal.raise_signal(signal.SIGTERM))
    del gone

review = prepare_review(Place.of({str(run.run)!r}))
stop_as_usual()
with listening(0) as opened:
    serve(review, opened, announce)
"""
    done = subprocess.run([sys.executable, "-c", told], timeout=60, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (128 + signal.SIGTERM, "")


def test_small_answers_are_sent_at_once() -> None:
    with listening(0) as opened, socket.create_connection(opened.getsockname()), opened.accept()[0] as accepted:
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_port_that_is_taken_is_named(run: Report) -> None:
    with listening(0) as at:
        done = command("review", str(run.run), "--no-browser", "--port", str(at.getsockname()[1]))
    assert done.returncode == 2
    assert "can't be listened on" in done.stderr
