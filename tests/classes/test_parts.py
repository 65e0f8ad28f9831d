from tasks.classes.parts import parts_of
from tasks.records import Archive, ClassIndex, Reading
from tests.build import GLYPHS

PHOTOGRAPHS = Reading("photographs", "photo", 16, scaled=False)


def source(*members: int) -> Archive:
    classes = tuple(ClassIndex(f"c{number:04d}", count, "", 0) for number, count in enumerate(members))
    return Archive("train", "train", "", "", "", 0, classes, {})


def test_each_of_few_classes_is_a_part_of_its_own() -> None:
    found = parts_of(source(*[50_000] * 10), [f"c{number:04d}" for number in range(10)], GLYPHS)
    assert [part.class_names for part in found] == [(f"c{number:04d}",) for number in range(10)]
    assert str(found[2]) == "train c0002"


def test_many_small_classes_are_few_parts_of_about_equal_cost() -> None:
    archive = source(*[4] * 1000)
    assert len(parts_of(archive, archive.class_names, GLYPHS)) == 1
    photographs = parts_of(archive, archive.class_names, PHOTOGRAPHS)
    assert [len(part.class_names) for part in photographs] == [500, 500]
    assert str(photographs[1]) == "train 500 classes, c0500 to c0999"


def test_a_large_class_ends_a_part_and_no_class_is_lost() -> None:
    archive = source(*[10, 200_000, 10, 10] * 10)
    found = parts_of(archive, archive.class_names, GLYPHS)
    assert [len(part.class_names) for part in found] == [2, *[4] * 9, 2]
    assert [name for part in found for name in part.class_names] == archive.class_names


def test_labels_are_those_of_all_sources() -> None:
    archive = source(1, 1, 1)
    (part,) = [p for p in parts_of(archive, ["a", "c0000", "b", "c0001", "c0002"], GLYPHS) if "c0001" in p.class_names]
    assert part.labels == (3,)
