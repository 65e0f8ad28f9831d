"""A fast selection of the hostile cases; the commands in this folder run all."""

import gzip
import io
import multiprocessing
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tasks.records import REASONS
from tasks.sources.opening import read_folder
from tasks.storage.place import Place
from tests.build import ROOT, Gray, font_member, glyphs, members_of, png, write_folder, write_tar
from tests.faults import corpora, fuzz, rows
from tests.faults.limits import outcomes, run_child
from tests.faults.loading import Account, load

IMAGES: dict[str, list[Gray]] = {letter: list(glyphs(5, seed=ord(letter))) for letter in "AB"}
MEMBERS = members_of(IMAGES, "font")


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Account:
    folder = tmp_path_factory.mktemp("plain")
    return load(write_tar(folder / "a.tar", MEMBERS), folder / "scratch")


def test_damaged_archives_lose_nothing_in_silence() -> None:
    ended = run_child("tests.faults.archives", "--child", "1", "--count", "50", seconds=120)
    assert not ended.crashed, ended.errors
    assert not ended.hung, ended.errors
    assert isinstance(ended.answer, dict)
    outcomes = [outcome for counts in ended.answer.values() for outcome in counts]
    assert not [outcome for outcome in outcomes if outcome.startswith("lost")]
    assert {"refused", "whole"} <= set(outcomes)


def pack(tmp_path: Path, members: dict[str, bytes], layout: int = tarfile.USTAR_FORMAT, **info: Any) -> Path:
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w", format=layout) as tar:
        for name, data in members.items():
            header = tarfile.TarInfo(name)
            header.size = len(data)
            for field, value in info.items():
                setattr(header, field, value)
            tar.addfile(header, io.BytesIO(data))
    return path


def long_names(members: dict[str, bytes]) -> dict[str, bytes]:
    """Put members so deep that plain headers can't hold their names."""
    return {f"{'r' * 120}/{name}": data for name, data in members.items()}


@pytest.mark.parametrize(
    "change", ["order", "times and owners", "padding", "second gzip member", "pax", "gnu", "dot", "folders"]
)
def test_harmless_changes_give_the_same_images(change: str, plain: Account, tmp_path: Path) -> None:
    if change == "order":
        source = pack(tmp_path, dict(reversed(MEMBERS.items())))
    elif change == "times and owners":
        source = pack(tmp_path, MEMBERS, mtime=10**9, uname="somebody", uid=1234, mode=0o600)
    elif change == "padding":
        source = pack(tmp_path, MEMBERS)
        source.write_bytes(source.read_bytes() + bytes(1 << 20))
    elif change == "second gzip member":
        data = pack(tmp_path, MEMBERS).read_bytes()
        source = tmp_path / "a.tar.gz"
        source.write_bytes(gzip.compress(data[:7777]) + gzip.compress(data[7777:]))
    elif change == "pax":
        source = pack(tmp_path, long_names(MEMBERS), layout=tarfile.PAX_FORMAT, mtime=1.5)
    elif change == "gnu":
        source = pack(tmp_path, long_names(MEMBERS), layout=tarfile.GNU_FORMAT)
    elif change == "dot":
        source = pack(tmp_path, {f"./{name}": data for name, data in MEMBERS.items()})
    else:
        source = write_folder(tmp_path / "folder", MEMBERS)
    assert load(source, tmp_path / "scratch") == plain


def test_special_files_and_strange_names_in_a_folder_have_an_outcome(plain: Account, tmp_path: Path) -> None:
    root = write_folder(tmp_path / "folder", MEMBERS)
    os.mkfifo(root / "root" / "A" / "pipe.png")
    for name in (b"\xff\xfe.png", b"new\nline.png"):
        Path(os.fsdecode(os.fsencode(root / "root" / "A") + b"/" + name)).write_bytes(png(IMAGES["A"][0]))
    (root / "root" / "A" / "link.png").symlink_to("/etc/passwd")
    account = load(root, tmp_path / "scratch")
    assert account.accepted == plain.accepted
    assert sorted(account.refused.values()) == [
        "link_member",
        "name_not_printable",
        "name_not_printable",
        "special_member",
    ]


def test_an_unreadable_file_has_an_outcome(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "folder", MEMBERS)
    hidden = next(root.rglob("*.png"))
    hidden.chmod(0)
    for folder in (root, *root.parents):  # another user must reach the folder, and no more
        if Path(tempfile.gettempdir()) in folder.parents:
            folder.chmod(0o755)
    with ProcessPoolExecutor(1, multiprocessing.get_context("fork"), become_nobody) as pool:
        kinds = pool.submit(kinds_of, root).result()
    assert kinds.count("unreadable") == 1
    assert kinds.count("file") == len(MEMBERS) - 1


def become_nobody() -> None:
    if os.getuid() == 0:  # root reads every file
        os.setgroups([])
        os.setuid(65534)


def kinds_of(root: Path) -> list[str]:
    return [entry.kind for entry in read_folder(Place.of(root))]


def test_names_that_would_act_where_they_are_shown_are_escaped(tmp_path: Path) -> None:
    names = {"bell\x07.png", "line\nbreak.png", "rtl\u202egnp.png", "ok-\u00e9.png"}
    members = {f"r/A/{name}": png(IMAGES["A"][0]) for name in names} | {"r/B/1.png": png(IMAGES["B"][0])}
    account = load(pack(tmp_path, members, layout=tarfile.PAX_FORMAT), tmp_path / "scratch")
    shown = {name.split("/")[2] for name in account.accepted}
    assert shown == {"bell\\x07.png", "line\\nbreak.png", "rtl\\u202egnp.png", "ok-\u00e9.png", "1.png"}


def test_the_list_of_reasons_is_closed(shared: Path, tmp_path: Path) -> None:
    seen = set()
    for path in corpora.files():
        for side in (28, 32):
            word, _, reason = corpora.outcome(path, side).partition(" ")
            if path.suffix == ".png" and word == "quarantined":
                seen.add(reason)
    assert seen
    assert seen <= set(REASONS)


def test_hostile_tars_end_with_an_outcome_under_limits(shared: Path) -> None:
    names = ("testtar.tar", "zip-slip.tar", "excessively-deep.tar", "sync-gzip-fail.tgz")
    cases = [next(case for case in corpora.names() if f"/{name}@" in case) for name in names]
    found = dict(outcomes("tests.faults.corpora", cases))
    assert list(found) == cases
    assert not {case: said for case, said in found.items() if not said.startswith(("refused", "read: 0 accepted"))}


def test_hostile_rows_of_every_form_are_refused_under_limits() -> None:
    few = list(rows.CASES)[::2]  # `make hostile` takes all
    found = dict(outcomes("tests.faults.rows", few))
    assert list(found) == few
    assert not {name: outcome for name, outcome in found.items() if not outcome.startswith("refused")}


@pytest.mark.parametrize(
    ("case", "module", "right", "wrong"),
    [
        ("shard_of_a_long_label", "sources/numbered", "len(class_name) > MAX_LABEL", "len(class_name) < 0"),
        ("cifar_of_text_labels", "sources/cifar", "{*map(type, labels)} - {int}", "labels[0].real"),
        ("cifar_with_a_memo_of_many_places", "sources/pickles", "self.memo[number] =", "__import__('os').abort()  #"),
    ],
)
def test_a_bug_that_is_planted_is_found(case: str, module: str, right: str, wrong: str, tmp_path: Path) -> None:
    for name in ("tasks", "tests"):
        shutil.copytree(ROOT / name, tmp_path / name)
    path = tmp_path / "tasks" / f"{module}.py"
    assert path.read_text().count(right) == 1
    path.write_text(path.read_text().replace(right, wrong))
    command = [sys.executable, "-m", "tests.faults.rows", case, "pipe"]
    ended = subprocess.run(
        command,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1, ended.stderr
    first, second, last = ended.stdout.splitlines()
    assert first.split()[2].startswith(("read", "BUG", "CRASH"))
    assert second.split()[2].startswith("refused")
    assert last == "2 cases: findings 1"


def test_members_of_one_font_keep_their_names(plain: Account) -> None:
    assert f"large/A/{font_member('font-0.ttf')}" in plain.accepted


def test_damaged_pictures_archives_and_runs_are_read_or_refused() -> None:
    counts, findings = fuzz.fuzz(8, None, seed=1)
    assert not findings
    for kind in ("picture", "tar", "zip", "report"):
        assert counts[f"{kind} refused"], kind
