"""The published figures of notMNIST, from public notebooks of its course, named with their commits.

The notebooks that agree on the overlap drew their splits with one recipe, which ``--recipe course`` follows.
"""

from collections.abc import Iterator

from tasks.reporting.published_results import (
    Published,
    accuracy,
    distinct,
    left,
    members,
    moment,
    nothing,
    source,
    twins,
    unreadable,
    without,
)
from tasks.vocabulary import SplitName

ARCHIVES = {  # bytes, sha256, members, readable: wangruowen@645917f, CharlesHolbrow@045f071, AGhiuta@c2bbc42
    "large": (247_336_696, "1e8261b75484b520dc76027f5c22af50fe608e3bb16277caec086eb928f9b61c", 529_119, 529_114),
    "small": (8_458_043, "76b2ef7ccc56452964780569db37b279c9cbe1bf442c3b38be784752683b3cec", 18_726, 18_724),
}
READABLE = {  # per class, A to J: AGhiuta@c2bbc42, FilipLangr@48a6ebc
    "large": (52_909, 52_911, 52_912, 52_911, 52_912, 52_912, 52_912, 52_912, 52_912, 52_911),
    "small": (1_872, 1_873, 1_873, 1_873, 1_873, 1_872, 1_872, 1_872, 1_872, 1_872),
}
UNREADABLE = {  # CharlesHolbrow@045f071, Itsukara@d75a5d6
    "large": (
        "A/RnJlaWdodERpc3BCb29rSXRhbGljLnR0Zg==.png",
        "A/SG90IE11c3RhcmQgQlROIFBvc3Rlci50dGY=.png",
        "A/Um9tYW5hIEJvbGQucGZi.png",
        "B/TmlraXNFRi1TZW1pQm9sZEl0YWxpYy5vdGY=.png",
        "D/VHJhbnNpdCBCb2xkLnR0Zg==.png",
    ),
    "small": (
        "A/RGVtb2NyYXRpY2FCb2xkT2xkc3R5bGUgQm9sZC50dGY=.png",
        "F/Q3Jvc3NvdmVyIEJvbGRPYmxpcXVlLnR0Zg==.png",
    ),
}
MOMENTS = {  # mean and standard deviation as printed, A to J: Itsukara@d75a5d6; all: CharlesHolbrow@045f071
    "large": (
        "-.12825 .44312", "-.00756 .454491", "-.142258 .439806", "-.0573678 .455648", "-.0698991 .452941",
        "-.125583 .447089", "-.0945813 .44624", "-.0685221 .454232", ".0307862 .468898", "-.153359 .443657",
        "-.081659585 .45423251",
    ),
    "small": (
        "-.132626 .445128", ".00535608 .457115", "-.141521 .44269", "-.0492167 .459759", "-.0599148 .45735",
        "-.118185 .452279", "-.0925503 .449006", "-.0586893 .458759", ".0526451 .471893", "-.151689 .448014",
        "-.074636243 .45862216",
    ),
}  # fmt: skip
ACCURACIES = {50: 0.4849, 100: 0.7136, 1000: 0.8425, 5000: 0.8464, 200_000: 0.9006}  # Krids@43463e1
SAME_ACCURACY = 0.002  # another version of the solver stops a little elsewhere


def figures() -> list[Published]:
    """Return all figures that a run with ``--recipe course`` on the published archives should give."""
    return [*_files(), *_moments(), *_overlap(), *_scores()]


def _files() -> Iterator[Published]:
    for role, (size, sha256, count, readable) in ARCHIVES.items():
        yield Published(f"bytes of the {role} archive", size, source(role, "bytes"))
        yield Published(f"sha256 of the {role} archive", sha256, source(role, "sha256"))
        yield Published(f"members of {role}", count, members(role, "members"))
        yield Published(f"readable images of {role}", readable, members(role, "accepted"))
        for letter, rows in zip("ABCDEFGHIJ", READABLE[role], strict=True):
            yield Published(f"readable images of {role} {letter}", rows, members(role, "accepted", letter))
        yield Published(f"unreadable members of {role}", UNREADABLE[role], unreadable(role))


def _moments() -> Iterator[Published]:
    for role, printed in MOMENTS.items():
        for letter, pair in zip((*"ABCDEFGHIJ", None), printed, strict=True):
            for column, text in zip(("mean", "std"), pair.split(), strict=True):
                unit = 10.0 ** -len(text.partition(".")[2])  # of the last place that was printed
                name = f"{column} of {role} {letter or 'as a whole'}"
                yield Published(name, float(text), moment(role, column, letter), unit)


def _overlap() -> Iterator[Published]:
    # Arn-O@6bb44ad, AGhiuta@c2bbc42, AravindaDP@519e310, AlexanderYogurt@7d1fe20, Krids@43463e1
    yield Published("test rows with a twin in train", 1_324, twins("test", "train"))
    yield Published("validation rows with a twin in train", 1_067, twins("validation", "train"))
    yield Published("test rows with a twin in validation", 200, twins("test", "validation"))  # AravindaDP@519e310
    yield Published("validation rows with a twin in test", 153, twins("validation", "test"))  # AGhiuta@c2bbc42
    yield Published("train rows with a twin in test", 3_622, twins("train", "test"))  # AparaV@50a0dbe
    # JackDragon@27256b3, AntonOsika@579c96f
    yield Published("distinct images in train and test", 1_153, twins("test", "train", "distinct_exact"))
    yield Published("distinct images in train and validation", 953, twins("validation", "train", "distinct_exact"))
    yield Published("distinct images in validation and test", 55, twins("test", "validation", "distinct_exact"))
    rows_of: dict[SplitName, int] = {"train": 187_217, "validation": 9_872, "test": 9_780}
    for split, rows in rows_of.items():
        yield Published(f"distinct images of {split}", rows, distinct(split))
    # AlexanderYogurt@7d1fe20, AravindaDP@519e310
    yield Published("validation rows without a twin in train", 8_933, left("validation"))
    yield Published("test rows without a twin in train", 8_676, without("test", "train"))
    yield Published("test rows without a twin in train or validation", 8_639, left("test"))
    # The pickles of `export` are read by Python 2 and 3 alike and are larger than those of Python 2.
    yield Published("bytes of notMNIST.pickle", 690_800_441, nothing)
    yield Published("bytes of the sanitized pickle", 683_292_701, nothing)


def _scores() -> Iterator[Published]:
    for rows, value in ACCURACIES.items():
        name = f"accuracy of softmax on {rows:,} rows (within {SAME_ACCURACY})"
        yield Published(name, value, accuracy("softmax", rows), SAME_ACCURACY)
