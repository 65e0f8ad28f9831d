"""Names that cannot be names of files are refused before anything is written."""

import pytest

from tasks.errors import DataError
from tasks.exporting.export import check_names

ODD = ["B\\x/a\\b.png", "\\c.png", "D/..dots.png"]
GOOD = [
    *ODD,
    "A/a.png",
    "con/aux.png",  # device names of Windows only, which is not supported
    "A/deep/a.png",
    "猫 1/ä.png",
    "B/RnJlaWdodA==.png",
    "B/.hidden.png",
    f"C/{'x' * 251}.png",
]


def test_usual_names_are_names_of_files() -> None:
    check_names(GOOD)


def test_where_case_tells_files_apart_names_may_differ_in_it_alone() -> None:
    check_names([*GOOD, "a/A.png"], cased=True)
    with pytest.raises(DataError, match=r"is the same file as .*; rename it, or use `cleansplit export"):
        check_names([*GOOD, "a/a\u0308.png", "a/\u00e4.png"], cased=True)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("A/../../../x.png", "leaves the folder"),
        ("/etc/x.png", "leaves the folder"),
        ("A\\..\\x.png", "leaves the folder"),
        ("A//x.png", "has an empty part"),
        ("A/./x.png", "has an empty part"),
        ("A/x\n.png", "has a control character"),
        (f"A/{'x' * 252}.png", "has a part of more than 255 bytes"),
        (f"A/{'猫' * 84}.png", "has a part of more than 255 bytes"),
        ("a/A.png", "on case-insensitive file systems"),
        ("猫 1/a\u0308.png", "on case-insensitive file systems"),
        ("A/a.png/b.png", "is also the folder of"),
        ("A", "is also the folder of"),
    ],
)
def test_other_names_are_refused(name: str, reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        check_names([*GOOD, name])
