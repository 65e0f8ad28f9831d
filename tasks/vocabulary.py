"""Terms with one meaning in parameters, records, files, reports and messages."""

from collections.abc import Iterable
from typing import Literal

Role = Literal["large", "small", "train", "validation", "test", "root", "source"]  # of a source; a root has splits
SplitName = Literal["train", "validation", "test"]
Kind = Literal["glyphs", "photographs"]  # glyphs: gray PNGs of one side; photographs: images of any size and format
# Names in `flows.table` of commands that need a server.
ServedName = Literal["run", "audit", "dedupe", "split", "sanitize", "evaluate", "prepare", "reproduce", "arrivals"]
ViewName = Literal["ink", "photo"]  # how images become bits for comparison, see `tasks.registration.views`
Method = Literal["all pairs", "minhash"]  # how near-duplicates are searched
Variant = Literal["mirrored"]  # transformed images to search for as well
Recipe = Literal["cleansplit", "course", "grouped"]  # how splits are drawn
Protect = Literal["train", "test"]
Undecided = Literal["fail", "pass"]  # action of a gate that fails only if undecided rows are counted
Keep = Literal["largest", "first"]  # which image of a group stays
Chains = Literal["keep", "cut"]  # whether a group in which several images stay is kept or divided
Format = Literal["course", "npz", "folder", "links", "parquet"]  # of an export
Runner = Literal["auto", "threads", "processes", "dask"]
ModelName = Literal["softmax", "sgd", "1nn", "mlp"]
Arm = Literal["with_twins", "without_twins"]  # whether a model is trained with the duplicates of test rows
Comparison = Literal["raw_minus_sanitized", "on_rows_with_twin", "on_other_rows", "effect_of_twins"]
Unmeasured = Literal["undecided", "missed", "no_twins", "little_left", "few_rows", "chance", "few_trainings"]  # reasons
Reason = Literal["exact", "near"]  # why a row was removed

PublicName = Literal["cifar-10", "cifar-100", "mnist", "fashion-mnist", "gtsrb"]  # sets with a train and a test split
IN_PUBLIC = "dataset:"  # prefix of the name of a public set as a source
GENERATED = ("notmnist", "fonts")  # sources that cleansplit downloads or renders, a different one per role
UNLABELLED = "(none)"  # class of images outside class folders
DICOM_GROUPS = {"dicom:PatientID": "patient", "dicom:SeriesInstanceUID": "series"}  # of --group-by -> column
SET = "{"  # first character of a class that is a set of labels, such as {cat, dog}, and not a folder
SPLIT_FOLDERS: dict[str, SplitName] = {
    "train": "train", "training": "train", "val": "validation", "valid": "validation", "validation": "validation",
    "dev": "validation", "test": "test", "testing": "test",
    "eval": "test", "evaluation": "test", "holdout": "test",
}  # fmt: skip
PURPOSES = {"eval", "evaluation", "holdout"}  # where another word names the split, as in ``evaluation_train``
SPLITS: tuple[SplitName, ...] = ("train", "validation", "test")
EVALUATED: tuple[SplitName, ...] = ("test", "validation")
PAIRS: tuple[tuple[SplitName, SplitName], ...] = (("train", "validation"), ("train", "test"), ("validation", "test"))
LOSES_TO: dict[Protect, dict[SplitName, tuple[SplitName, ...]]] = {  # splits that take precedence over each
    "train": {"validation": ("train",), "test": ("train", "validation")},
    "test": {"validation": ("test",), "train": ("test", "validation")},
}
ARMS: tuple[Arm, ...] = ("with_twins", "without_twins")


def is_generated(role: Role, source: str) -> bool:
    """Return whether cleansplit downloads or renders a source; for other roles, its name is a path."""
    return role in ("large", "small") and source.partition(":")[0] in GENERATED


def split_among(words: Iterable[str]) -> SplitName | None:
    """Return the split that the first of some words names, if any.

    >>> split_among(["evaluation", "train"]), split_among(["data", "eval"]), split_among(["data"])
    ('train', 'test', None)
    """
    found = sorted((word for word in words if word in SPLIT_FOLDERS), key=PURPOSES.__contains__)
    return SPLIT_FOLDERS[found[0]] if found else None


def path_of(class_name: str, member: str) -> str:
    """Return the path of a member below the folder with the class folders."""
    return member if class_name == UNLABELLED or class_name.startswith(SET) else f"{class_name}/{member}"


def counted(count: int, thing: str) -> str:
    """Return a count with its noun.

    >>> counted(1, "pair"), counted(1234, "pair")
    ('1 pair', '1,234 pairs')
    """
    return f"{count:,} {thing}" + ("" if count == 1 else "s")
