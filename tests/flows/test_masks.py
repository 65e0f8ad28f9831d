"""Masks are not compared, and go where their images go."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.errors import DataError
from tests.build import saved, scene, write_folder, write_tar
from tests.flows.test_actions import files_below
from tests.flows.test_cli import here, refused
from tests.plain import audit

pytestmark = pytest.mark.usefixtures("prefect_server")

Mask = Callable[[str], str]
MASKS: dict[str, tuple[str, Mask]] = {  # the folder of images, and the path of a mask, given its image
    "two folders": ("{split}/images", lambda path: path.replace("images", "masks")),
    "above": ("images/{split}/a", lambda path: path.replace("images", "annotations")),
    "siblings": ("{split}", lambda path: path.replace("/", "_masks/").replace(".png", "_mask.png")),
    "suffix": ("{split}/a", lambda path: path.replace(".png", "_mask.png")),
}
TRAIN, TEST, SHARED = 60, 30, 10
ENDS = (".png", "_mask.png")


def set_of(layout: str) -> dict[str, bytes]:
    """Return pictures, some of test also in train, and a mask of each but the first."""
    folder, mask_of = MASKS[layout]
    seeds = {"train": range(TRAIN), "test": [*range(SHARED), *range(100, 100 + TEST - SHARED)]}
    files = {
        f"{folder.format(split=split)}/{split}{seed}.png": saved(scene(80, 64, seed), "PNG")
        for split, own in seeds.items()
        for seed in own
    }
    masks = {mask_of(path): saved(scene(80, 64, 7).convert("1"), "PNG") for path in list(files)[1:]}
    return files | masks


@pytest.mark.parametrize("packing", ["folder", "tar"])
@pytest.mark.parametrize("layout", MASKS)
def test_masks_are_no_rows_and_stay_with_their_images(layout: str, packing: str, tmp_path: Path) -> None:
    files, where = set_of(layout), ("--workspace", str(tmp_path / "w"))
    write = {"folder": write_folder, "tar": write_tar}[packing]
    source = write(tmp_path / ("set" if packing == "folder" else "set.tar"), files)
    done = here("audit", str(source), *where)
    assert f"duplicates  {SHARED} of {TEST} test images" in done.stderr
    assert f"{TRAIN + TEST - 1} files are masks of images by name, such as " in done.stderr
    out = tmp_path / "out"
    assert here("apply", Path(done.stdout.strip()).name, "--link", str(out), "--execute", *where).returncode == 0
    gone = {path for path in files if any(path.endswith(f"test{n}{end}") for n in range(SHARED) for end in ENDS)}
    assert sorted(files_below(out).values()) == sorted(data for path, data in files.items() if path not in gone)
    again = here("audit", str(out), *where)
    assert f"duplicates  0 of {TEST - SHARED} test images" in again.stderr
    assert f"{TRAIN + TEST - SHARED - 1} files are masks" in again.stderr


@pytest.mark.parametrize("layout", ["two folders", "suffix"])
def test_a_flag_reads_masks_as_images(layout: str, tmp_path: Path) -> None:
    source = write_folder(tmp_path / "set", set_of(layout))
    where = ("--workspace", str(tmp_path / "w"))
    assert f" of {TEST} test images" in here("audit", str(source), *where).stderr
    done = here("audit", str(source), "--masks-as-images", *where)
    assert "are masks" not in done.stderr
    assert f" of {2 * TEST} test images" in done.stderr


def test_masks_of_moved_images_move_and_a_repeated_move_goes_on(tmp_path: Path) -> None:
    files = {f"images/{seed:02d}.png": saved(scene(80, 64, seed % 20), "PNG") for seed in range(25)}
    files |= {path.replace("images", "masks"): b"mask" + path.encode() for path in files}
    source, where = write_folder(tmp_path / "set", files), ("--workspace", str(tmp_path / "w"))
    run = Path(here("dedupe", str(source), *where).stdout.strip()).name
    move = ("apply", run, "--move", str(tmp_path / "gone"), "--execute", *where)
    (tmp_path / "gone/masks").mkdir(parents=True)
    (source / "masks/21.png").rename(tmp_path / "gone/masks/21.png")  # as if it had been killed then
    assert here(*move).returncode == 0
    assert {*files_below(tmp_path / "gone")} == {f"{f}/{n}.png" for f in ("images", "masks") for n in range(20, 25)}
    assert here(*move).returncode == 0
    assert {*files_below(source)} == {f"{f}/{n:02d}.png" for f in ("images", "masks") for n in range(20)}


def test_a_mask_of_an_image_that_stays_is_not_moved_with_its_copy(tmp_path: Path) -> None:
    pictures = {n: scene(80, 64, n) for n in range(20)}
    files = {f"images/{n:02d}.png": saved(one, "PNG") for n, one in pictures.items()}
    files |= {f"masks/{n:02d}.png": b"mask" + bytes([n]) for n in pictures}
    files["images/07.bmp"] = saved(pictures[7], "BMP")
    source, where = write_folder(tmp_path / "set", files), ("--workspace", str(tmp_path / "w"))
    run = Path(here("dedupe", str(source), *where).stdout.strip()).name
    done = here("apply", run, "--move", str(tmp_path / "gone"), "--execute", *where)
    assert done.returncode == 0, done.stderr
    assert [Path(name).stem for name in files_below(tmp_path / "gone")] == ["07"]
    assert {name for name in files_below(source) if "masks" in name} == {name for name in files if "masks" in name}


def test_a_split_and_its_export_have_the_masks(tmp_path: Path) -> None:
    files = {f"images/{'ab'[n % 2]}/{n}.png": saved(scene(80, 64, n), "PNG") for n in range(40)}
    files |= {path.replace("images", "masks"): b"mask" + path.encode() for path in files}
    source, where = write_folder(tmp_path / "set", files), ("--workspace", str(tmp_path / "w"))
    run = Path(here("split", str(source), *where).stdout.strip()).name
    out = tmp_path / "out"
    assert here("export", run, "--format", "folder", "--out", str(out), *where).returncode == 0
    found = files_below(out / "sanitized")
    assert {data for data in found.values() if data.startswith(b"mask")} == {
        data for data in files.values() if data.startswith(b"mask")
    }
    for path, data in found.items():
        if data.startswith(b"mask"):
            image = path.replace("/masks", "")
            assert data.decode() == f"maskimages/{image.split('/', 1)[1]}"
            assert image in found


def test_a_mask_that_changed_is_not_carried(tmp_path: Path) -> None:
    source = write_folder(tmp_path / "set", set_of("suffix"))
    report = audit(root=str(source), workspace=tmp_path / "w")
    changed = source / "test/a/test100_mask.png"
    shutil.copy(source / "test/a/test100.png", changed)
    done = here(
        "apply", report.run.name, "--link", str(tmp_path / "out"), "--execute", "--workspace", str(tmp_path / "w")
    )
    refused(done, 3)
    assert "test100_mask.png" in done.stderr
    assert not (tmp_path / "out").exists()


def test_half_of_the_masks_is_an_error_that_names_three(tmp_path: Path) -> None:
    files = {f"train/{kind}/{n + shift}.png": b"" for kind, shift in (("images", 0), ("masks", 5)) for n in range(10)}
    source = write_folder(tmp_path / "set", files)
    with pytest.raises(DataError, match=r"only 5 belong to an image; (train/masks/1\d\.png(, )?){3} do not"):
        audit(train=str(source), test=str(source / "train"), workspace=tmp_path / "w")
