"""A workspace with links is refused by every command that uses it, in one sentence, and nothing outside is touched."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flows.command import deciding, keeping
from flows.pipeline import cleansplit
from tasks.errors import StorageError, UsageError
from tasks.storage import disk
from tasks.storage.building import draft, sweep
from tasks.storage.place import Place
from tests.build import glyphs, png, saved, scene, write_folder
from tests.flows.test_actions import files_below
from tests.flows.test_cli import here, refused
from tests.plain import audit, dedupe
from tests.storage.test_workspace import add_run

OUTSIDE = (
    "tmp1", ".hidden", ".part", ".gone.1/file", ".latest.1", ".key.building/file", "x/.key.building/file", "x/key/data",
    "run-1/run.json", "run-1/data", "a.tar", "manifest.json",
)  # fmt: skip
LINKS = (
    "downloads", "downloads/a.tar", "stages", "stages/classes", "stages/x", "stages/classes/key",
    "stages/classes/.key.lock", "runs", "runs/run-1", "runs/run-9", "runs/.run-1.lock", ".in-use", "history.parquet",
    "decisions.parquet", ".decisions.parquet.lock", ".gone.1", "latest",
)  # fmt: skip


@pytest.fixture
def space(tmp_path: Path) -> Path:
    """Return a workspace with two runs, next to a folder `outside`."""
    folder = tmp_path / "w"
    for day in (1, 2):
        add_run(Place.of(folder), f"run-{day}", f"2026-01-0{day}T00:00:00+00:00", key=str(day))
    write_folder(tmp_path / "outside", dict.fromkeys(OUTSIDE, b"mine"))
    return folder


def listed(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() if path.is_file() else b"" for path in folder.rglob("*")}


def put_link(at: Path, target: Path) -> None:
    at.parent.mkdir(exist_ok=True)
    if at.is_dir() and not at.is_symlink():
        shutil.rmtree(at)
    at.unlink(missing_ok=True)
    at.symlink_to(target)


@pytest.mark.parametrize("name", LINKS)
def test_every_command_refuses_it(name: str, space: Path, prefect_server: None, tmp_path: Path) -> None:
    data = write_folder(tmp_path / "data", {f"{i % 2}/{i}.png": png(image) for i, image in enumerate(glyphs(8, 0))})
    put_link(space / name, tmp_path / "outside")
    before = listed(tmp_path)
    both: dict[str, Any] = {"workspace": space}
    do: tuple[Callable[[], object], ...] = (
        lambda: dedupe(source=str(data), **both),
        lambda: audit(train=str(data / "0"), test=str(data / "1"), **both),
        lambda: cleansplit(large=str(data), small=str(data / "0"), fresh=True, **both),
        lambda: keeping.clean(keep=1, **both),
        lambda: keeping.verify(**both),
        lambda: keeping.verify(str(space / "runs" / "run-2"), workspace=None),
        lambda: keeping.report(**both),
        lambda: deciding.review(no_browser=True, **both),
        lambda: deciding.apply(link=Path("kept"), execute=True, **both),
    )
    for number, each in enumerate(do):
        if name in ("runs", "latest") and number == 5:  # there is no such run; which of them is the newest is not asked
            continue
        with pytest.raises(StorageError, match="is a symbolic link") as refusal:
            each()
        assert str(space) in str(refusal.value)
        assert listed(tmp_path) == before, number


def test_the_command_says_so_in_one_sentence(space: Path, tmp_path: Path) -> None:
    put_link(space / "downloads", tmp_path / "outside")
    said = refused(here("clean", "--keep", "1", "--workspace", str(space)), 6)
    assert f"{space}/downloads is a symbolic link that cleansplit did not make; remove it, or choose another" in said


def test_a_workspace_that_nobody_named_is_no_link(space: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CLEANSPLIT_WORKSPACE", raising=False)
    Path("workspace").symlink_to(space)
    with pytest.raises(StorageError, match="workspace is a symbolic link; name the folder"):
        keeping.clean(keep=1)
    keeping.clean(keep=1, workspace=Path("workspace"))
    assert [path.name for path in (space / "runs").glob("[!.]*")] == ["run-2"]


@pytest.mark.parametrize("to", ["/", "..", ".", "runs", "runs/", "runs/..", "runs/.x", "runs/a/b", "../w/runs/run-1"])
def test_latest_is_read_and_never_followed(to: str, space: Path) -> None:
    (space / "latest").unlink()
    (space / "latest").symlink_to(to)
    for run in ("latest", str(space / "latest")):
        with pytest.raises(StorageError, match="latest is a symbolic link"):
            keeping.verify(run, workspace=space)


@pytest.mark.parametrize("swapped", ["stages", "stages/classes"])
def test_nothing_is_removed_through_a_link_that_is_put_in_meanwhile(swapped: str, space: Path, tmp_path: Path) -> None:
    here = Place.of(space)
    place, building = here / "stages/classes/key", here / "stages/classes/.key.building"
    outside = tmp_path / "outside"
    write_folder(outside / "classes", {"key/data": b"mine", ".key.building/data": b"mine"})
    write_folder(outside, {"key/data": b"mine", ".key.building/data": b"mine"})

    def build() -> None:
        with draft(place, exclusive=True) as new:
            disk.write_text(new / "data", "new")
            put_link(space / swapped, outside)

    with pytest.raises(OSError, match=swapped.rpartition("/")[2]):
        build()
    before = listed(outside)
    for place_there in (place, building, place / "data"):
        for remove in (disk.remove, lambda one: disk.forget([one], here)):
            with pytest.raises(OSError, match=swapped.rpartition("/")[2]):
                remove(place_there)
    sweep(here / "stages" / "classes")
    assert {name: data for name, data in listed(outside).items() if not name.endswith(".lock")} == before
    assert all(data in (b"mine", b"") for data in before.values())


def test_a_link_is_removed_and_not_what_it_leads_to(space: Path, tmp_path: Path) -> None:
    before = listed(tmp_path / "outside")
    for remove in (disk.remove, lambda place: disk.forget([place], Place.of(space))):
        (space / "stages" / "link").symlink_to(tmp_path / "outside")
        remove(Place.of(space) / "stages/link")
        assert not (space / "stages" / "link").is_symlink()
    assert listed(tmp_path / "outside") == before


@pytest.fixture
def linked(tmp_path: Path) -> Path:
    """Return a root of splits whose images are links: to files of `store`, but for one that leads elsewhere."""
    images = [png(image) for image in glyphs(12, 3)]
    write_folder(tmp_path, {f"store/{number:02}.png": image for number, image in enumerate(images)})
    write_folder(tmp_path, {"stored/secret.png": images[0]})  # whose name begins like the store's
    for number in range(12):
        link = tmp_path / "data" / ("train" if number < 8 else "test") / "ab"[number % 2] / f"{number}.png"
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(f"../../../store/{number:02}.png")
    (tmp_path / "data/test/a/copy.png").symlink_to(tmp_path / "store" / "00.png")
    (tmp_path / "data/test/b/out.png").symlink_to(tmp_path / "stored" / "secret.png")
    return tmp_path


def test_links_are_followed_below_the_folder_that_is_named(linked: Path, prefect_server: None) -> None:
    given: dict[str, Any] = {"root": str(linked / "data"), "workspace": linked / "w"}
    with pytest.raises(UsageError, match=f"14 links .*; run `cleansplit audit .* --follow-links {linked}`"):
        audit(**given)
    with pytest.raises(UsageError, match=f"--follow-links {linked}/no is not a folder"):
        audit(**given, follow_links=linked / "no")
    report = audit(**given, follow_links=linked / "store", max_quarantine=0.5)
    assert (report.pair("test", "train").exact, report.pair("test", "train").rows) == (1, 5)
    assert sum(row.quarantined for row in report.conservation) == 1
    deciding.apply(link=linked / "kept", execute=True, workspace=linked / "w")
    copies = {path.relative_to(linked / "kept").as_posix(): path for path in (linked / "kept").rglob("*.png")}
    assert len(copies) == 12
    assert "test/a/copy.png" not in copies
    assert not any(path.is_symlink() for path in copies.values())
    assert copies["train/b/1.png"].read_bytes() == (linked / "store" / "01.png").read_bytes()


def test_a_detection_set_of_links_keeps_its_labels(linked: Path, prefect_server: None) -> None:
    for split, numbers in (("train", range(8)), ("test", range(8, 12))):
        for number in numbers:
            label = write_folder(linked, {f"store/labels/{number}.txt": b"%d .5 .5 .1 .1\n" % (number % 2)})
            for kind, target in (("images", f"store/{number:02}.png"), ("labels", f"store/labels/{number}.txt")):
                link = linked / "yolo" / kind / split / f"{number}{Path(target).suffix}"
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(label / target)
    audit(root=str(linked / "yolo"), follow_links=linked / "store", workspace=linked / "w")
    deciding.apply(link=linked / "kept", execute=True, workspace=linked / "w")
    assert (linked / "kept/labels/train/3.txt").read_bytes() == b"1 .5 .5 .1 .1\n"
    assert len([*linked.glob("kept/labels/*/*.txt")]) == len([*linked.glob("kept/images/*/*.png")]) == 12


def test_links_inside_a_source_are_written_as_files_by_every_step(tmp_path: Path, prefect_server: None) -> None:
    pictures = [saved(scene(60, 48, number), "PNG") for number in range(24)]
    files = {f"{'train' if n < 16 else 'test'}/{'ab'[n % 2]}/{n}.png": data for n, data in enumerate(pictures)}
    root = write_folder(tmp_path / "set", files)
    (root / "test/a/leak.png").symlink_to("../../train/a/0.png")
    (root / "test/a/more.png").symlink_to("16.png")
    report = audit(root=str(root), workspace=tmp_path / "w")
    assert (report.pair("test", "train").exact, report.rows.test) == (1, 10)
    deciding.apply(link=tmp_path / "kept", execute=True, workspace=tmp_path / "w")
    where = ("--workspace", str(tmp_path / "w"))
    done = here("export", report.run.name, "--format", "links", "--out", str(tmp_path / "links"), *where)
    assert done.returncode == 0, done.stderr
    for out in (tmp_path / "kept", tmp_path / "links" / "sanitized"):
        assert files_below(out) == files | {"test/a/more.png": files["test/a/16.png"]}
        assert not any(path.is_symlink() for path in out.rglob("*"))
    assert (tmp_path / "links/raw/test/a/leak.png").read_bytes() == files["train/a/0.png"]
    refused(here("apply", report.run.name, "--move", str(tmp_path / "gone"), "--execute", *where), 2)
    assert (root / "test/a/leak.png").is_symlink()
