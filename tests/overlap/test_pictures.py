"""The twins of small sets of pictures, some of which are copies of others."""

import hashlib
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image, ImageOps

from tasks.overlap import agreements, nearest, proposals, tiles
from tasks.overlap.bands import Bands
from tasks.overlap.find import Search, Side, Twins
from tasks.overlap.join import write_twins
from tasks.overlap.pictures import Pictures, PictureTwins, find_picture_twins
from tasks.overlap.tables import SplitFingerprints
from tasks.overlap.tiles import Join, compare
from tasks.storage import tables
from tasks.storage.copies import COPY_SIDE, Copies
from tasks.storage.place import Place
from tasks.views import VIEWS
from tasks.views.photo import BITS, SIDE, comparable_bits
from tasks.vocabulary.arrays import Gray
from tests.build import saved, scene

Change = Callable[[Image.Image], Image.Image]
WHOLE = (20, 20, 340, 340)  # pictures are windows of larger scenes, so that what was moved shows what lies beyond
CHANGES: dict[str, Change] = {
    "cropped": lambda picture: picture.crop((36, 36, 324, 324)),
    "cropped at one side": lambda picture: picture.crop((20, 52, 340, 340)),
    "moved": lambda picture: picture.crop((40, 40, 360, 360)),
    "encoded anew": lambda picture: Image.open(io.BytesIO(saved(picture.crop(WHOLE), "JPEG", quality=50))),
    "smaller": lambda picture: picture.crop(WHOLE).resize((100, 100)),
    "turned": lambda picture: picture.rotate(3, Image.Resampling.BICUBIC).crop(WHOLE),
    "brighter": lambda picture: picture.crop(WHOLE).point(lambda value: 0.8 * value + 40),
}
SCENES = [scene(360, 360, seed) for seed in range(44)]
TRAIN, NEW = ([each.crop(WHOLE) for each in part] for part in (SCENES[:24], SCENES[24:]))
# Rows of test: 0 and 1 are train's, and 2 to 15 changed copies of train's, two of each kind; the last of these is there
# twice. Then come two mirrored copies, and what is new.
CHANGED = [change(SCENES[2 + 7 * half + number]) for half in (0, 1) for number, change in enumerate(CHANGES.values())]
MIRRORED = [ImageOps.mirror(TRAIN[16]), ImageOps.mirror(TRAIN[17])]
TEST = [*TRAIN[:2], *CHANGED, CHANGED[-1], *MIRRORED, *NEW]
OF_COPIES = [*range(16), 15]  # the train's row of each of the first
CERTAIN = Bands(64, 1)  # one row a band: at 0.5 a pair is missed once in 10^19
SEEN_IN_A_MIRROR = slice(17, 19)


def gray(pictures: list[Image.Image], side: int) -> Gray:
    small = [np.asarray(each.convert("L").resize((side, side), Image.Resampling.BILINEAR)) for each in pictures]
    return np.array(small, np.uint8).reshape(-1, side, side)


def pictures_of(images: list[Image.Image], file: Path) -> Pictures:
    """Return pictures as they are read, with their copies in a file."""
    n = len(images)
    file.write_bytes(gray(images, COPY_SIDE).tobytes())
    digests = [hashlib.md5(each.tobytes(), usedforsecurity=False).digest() for each in images]
    bits = comparable_bits(gray(images, SIDE))
    side = Side(np.frombuffer(b"".join(digests), np.uint8).reshape(n, 16), bits, np.zeros(n, np.int64), np.arange(n))
    return Pictures(side, Copies([Place.of(file)], np.zeros(n, np.int64), np.arange(n)))


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> tuple[Pictures, Pictures]:
    folder = tmp_path_factory.mktemp("copies")
    return pictures_of(TEST, folder / "test.gray"), pictures_of(TRAIN, folder / "train.gray")


@pytest.fixture(scope="module")
def found(sets: tuple[Pictures, Pictures]) -> PictureTwins:
    return find_picture_twins(*sets, mirrored=True, bands=None, seed=1)


def assert_equal(first: Twins | None, second: Twins | None) -> None:
    assert first is not None
    assert second is not None
    for name, values in vars(first).items():
        np.testing.assert_array_equal(values, getattr(second, name), err_msg=name)


def test_the_same_pictures_are_exact_twins(found: PictureTwins) -> None:
    for twins in (found.of_first, found.of_second):
        assert np.flatnonzero(twins.exact).tolist() == [0, 1]
        assert twins.row[:2].tolist() == [0, 1]
        assert (twins.jaccard[:2] == 1).all()


def test_a_changed_copy_has_its_original_as_the_best_match_and_the_other_way_round(found: PictureTwins) -> None:
    copies = slice(2, len(OF_COPIES))
    assert found.of_first.row[copies].tolist() == OF_COPIES[copies]
    similar = dict(zip([*CHANGES, *CHANGES, "twice"], found.of_first.jaccard[copies].tolist(), strict=True))
    assert min(found.of_first.jaccard[copies]) >= 0.95, similar
    assert max(found.of_first.jaccard[copies]) < 1
    assert found.of_second.row[2:16].tolist() == list(range(2, 16)), "of the two that are the same, the smaller id"
    assert (found.of_second.jaccard[2:16] == found.of_first.jaccard[2:16]).all()
    assert (found.of_first.percent[copies] == np.floor(100 * found.of_first.jaccard[copies] + 1e-6)).all()


def test_pictures_of_other_things_are_no_twins(found: PictureTwins) -> None:
    for twins, rest in ((found.of_first, len(OF_COPIES)), (found.of_second, 16)):
        assert twins.jaccard[rest:].max() < 0.86
        assert not twins.count[rest:].any()
    assert found.of_first.jaccard[len(OF_COPIES) :].max() > 0, "though their best match is known"


def test_a_mirrored_copy_is_a_twin_in_a_mirror_alone(found: PictureTwins) -> None:
    assert found.mirrored is not None
    assert found.mirrored.row[SEEN_IN_A_MIRROR].tolist() == [16, 17]
    assert found.mirrored.jaccard[SEEN_IN_A_MIRROR].min() >= 0.95
    assert found.of_first.jaccard[SEEN_IN_A_MIRROR].max() < 0.86
    near = np.flatnonzero((found.mirrored.jaccard >= 0.86) & ~found.mirrored.exact)
    assert near.tolist() == [17, 18]


def test_twins_are_counted_alike_from_both_sides(found: PictureTwins) -> None:
    assert found.of_first.count[2:17].tolist() == [1] * 15
    assert found.of_second.count[2:16].tolist() == [1] * 13 + [2], "one copy is there twice"
    assert found.of_first.count.sum() == found.of_second.count.sum()


@pytest.mark.parametrize("threads", [1, 5])
def test_the_number_of_threads_changes_nothing(
    threads: int, sets: tuple[Pictures, Pictures], found: PictureTwins, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agreements, "THREADS", threads)
    monkeypatch.setattr(nearest, "THREADS", threads)
    again = find_picture_twins(*sets, mirrored=True, bands=None, seed=1)
    for name in ("of_first", "of_second", "mirrored"):
        assert_equal(getattr(found, name), getattr(again, name))


def test_copies_are_found_from_the_other_side_as_well(sets: tuple[Pictures, Pictures], found: PictureTwins) -> None:
    turned = find_picture_twins(*sets[::-1], mirrored=False, bands=None, seed=1)
    assert turned.mirrored is None
    assert turned.of_second.row[:17].tolist() == OF_COPIES
    assert turned.of_second.count.tolist() == found.of_first.count.tolist()
    assert turned.of_second.jaccard[2:17].min() >= 0.93, "laid the other way round, with other edges"


def test_where_minhash_proposes_copies_are_found_too_and_what_it_misses_is_counted(
    sets: tuple[Pictures, Pictures], found: PictureTwins, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert found.recall is None
    monkeypatch.setattr(proposals, "AFFORDABLE", 0)
    proposed = find_picture_twins(*sets, mirrored=False, bands=CERTAIN, seed=1, sample=500)
    assert (proposed.of_first.row[:17] == OF_COPIES).all()
    assert proposed.recall is not None
    assert proposed.recall.rows == len(TEST) - 1, "distinct pictures"
    true, named = proposed.recall.at(90)
    assert true == named >= 5


def rows_of(pictures: Pictures, name: str) -> SplitFingerprints:
    ids = pa.array([f"{name}/a/{number:02d}" for number in range(len(pictures.side))], pa.string())
    side, fonts = pictures.side, pa.nulls(len(ids), pa.string())
    texts = pa.array(["a"] * len(ids), pa.string())
    return SplitFingerprints(ids, texts, fonts, np.zeros(len(ids), np.bool_), side, BITS, side.ranks, pictures.copies)


@pytest.mark.parametrize("searched", [0, 1])
def test_slices_of_both_splits_find_what_the_whole_does_where_all_are_candidates(
    searched: int, sets: tuple[Pictures, Pictures], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proposals, "CANDIDATES", 100)
    monkeypatch.setattr(proposals, "FLOOR", 0.0)
    sides = rows_of(sets[0], "test"), rows_of(sets[1], "train")
    join = Join(("test", "train"), sides, VIEWS["photo"], Search(BITS, 86, None), searched, mirrored=True)
    tables_of = []
    for folder in ("whole", "cut"):
        (tmp_path / folder).mkdir()
        place = Place.of(tmp_path / folder)
        write_twins(join, (), place)
        tables_of.append([tables.read(place / f"{name}.parquet") for name in ("test", "train", "variants")])
        monkeypatch.setattr(tiles, "IN_FULL", 7)
        monkeypatch.setattr(tiles, "AMONG", 9)
        assert len(join.tiles) > 9
    whole, cut = tables_of
    for one, other in zip(whole, cut, strict=True):
        left = [name for name in one.column_names if name != "crowd"]  # it is that of one slice
        assert other.select(left) == one.select(left)
    assert whole[2].num_rows >= 2
    for one, other in zip(whole[:2], cut[:2], strict=True):
        assert (other["crowd"].to_numpy() <= one["crowd"].to_numpy()).all()


def test_tiles_share_the_sample_on_which_minhash_is_measured(
    sets: tuple[Pictures, Pictures], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proposals, "AFFORDABLE", 0)
    for name, value in {"SAMPLE_ROWS": 12, "SEARCHED": 7, "AMONG": 9}.items():
        monkeypatch.setattr(tiles, name, value)
    sides = rows_of(sets[0], "test"), rows_of(sets[1], "train")
    join = Join(("test", "train"), sides, VIEWS["photo"], Search(BITS, 86, CERTAIN, seed=1), searched=0)
    recalls = [compare(join, *tile, "minhash").recall for tile in join.tiles]
    rows = [recall.rows for recall in recalls if recall]
    assert len(rows) == len(join.tiles) > 9
    assert 12 <= sum(rows) < 12 + len(rows), "each tile has its share, and at least a row"


def test_a_set_without_pictures_has_no_twins(sets: tuple[Pictures, Pictures], tmp_path: Path) -> None:
    none = pictures_of([], tmp_path / "none.gray")
    for pair, rows in (((sets[0], none), len(TEST)), ((none, sets[0]), 0), ((none, none), 0)):
        twins = find_picture_twins(*pair, mirrored=True, bands=None, seed=1)
        assert twins.of_first.row.tolist() == [-1] * rows
        assert twins.mirrored is not None
        assert len(twins.of_second.row) == len(pair[1].side)
