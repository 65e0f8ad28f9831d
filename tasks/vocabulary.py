"""Words that mean the same everywhere: in parameters, records, files, reports and messages."""

from typing import Literal

Role = Literal["large", "small", "train", "validation", "test", "root", "source"]  # of a source; a root holds splits
SplitName = Literal["train", "validation", "test"]
Kind = Literal["glyphs", "photographs"]  # glyphs: gray PNGs of one side; photographs: images of any size and format
ViewName = Literal["ink", "photo"]  # which bits describe an image to the overlap engine, see `tasks.registration.views`
Variant = Literal["mirrored"]  # forms of an image that are searched for as well
Recipe = Literal["cleansplit", "course", "grouped"]  # how splits are drawn
Protect = Literal["train", "test"]
Undecided = Literal["fail", "pass"]  # what a gate does where only undecided rows pass its limit
Keep = Literal["largest", "first"]  # which image of a group stays
Chains = Literal["keep", "cut"]  # whether a group in which several images stay is one group or several
Format = Literal["course", "npz", "folder", "links", "parquet"]  # of an export
Runner = Literal["auto", "threads", "processes", "dask"]
ModelName = Literal["softmax", "sgd", "1nn", "mlp"]
Arm = Literal["with_twins", "without_twins"]  # a model is trained on train, or on train without twins of test rows
Comparison = Literal["raw_minus_sanitized", "on_rows_with_twin", "on_other_rows", "effect_of_twins"]
Unmeasured = Literal[  # why an effect can't be told
    "undecided", "missed", "no_twins", "little_left", "few_rows", "chance", "few_trainings"
]
Reason = Literal["exact", "near"]  # why a row was removed

PublicName = Literal["cifar-10", "cifar-100", "mnist", "fashion-mnist", "gtsrb"]  # sets that have a train and a test
IN_PUBLIC = "dataset:"  # begins the name of a source that is a public set
GENERATED = ("notmnist", "fonts")  # sources that cleansplit fetches or renders, another for each role
UNLABELLED = "(none)"  # the class of images that lie in no class folder, where there is none
SPLIT_FOLDERS: dict[str, SplitName] = {
    "train": "train", "training": "train", "val": "validation", "valid": "validation", "validation": "validation",
    "dev": "validation", "test": "test", "testing": "test",
}  # fmt: skip
SPLITS: tuple[SplitName, ...] = ("train", "validation", "test")
EVALUATED: tuple[SplitName, ...] = ("test", "validation")
PAIRS: tuple[tuple[SplitName, SplitName], ...] = (("train", "validation"), ("train", "test"), ("validation", "test"))
LOSES_TO: dict[Protect, dict[SplitName, tuple[SplitName, ...]]] = {  # the splits that each may lose rows to
    "train": {"validation": ("train",), "test": ("train", "validation")},
    "test": {"validation": ("test",), "train": ("test", "validation")},
}
ARMS: tuple[Arm, ...] = ("with_twins", "without_twins")
