"""The parameters of all flows and commands: type, limits and description of each, said once.

A description is what the command's help and Prefect's run form show.
"""

from pathlib import PurePath
from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveInt

from tasks.addresses import SourceName
from tasks.vocabulary import (
    Chains,
    Keep,
    ModelName,
    Protect,
    PublicName,
    Recipe,
    Runner,
    Undecided,
    Variant,
    ViewName,
)

Share = Annotated[float, Field(ge=0, le=1)]
Probability = Annotated[float, Field(gt=0, lt=1)]
ImageSide = Annotated[int, Field(ge=2, le=256)]
Size = PositiveInt | Literal["all"]

# Sources and splits.
Large = Annotated[
    SourceName | None,
    Field(
        description="Source of train and validation: an archive (.tar, plain or as .gz, .bz2, .xz or .zst; or .zip) or "
        "a folder with one subfolder per class, an http(s) URL, secret:NAME for a Secret block of Prefect that holds "
        "the URL, notmnist, fonts, or fonts:FOLDER."
    ),
]
Small = Annotated[
    SourceName | None, Field(description="Source of test, of the same kinds. Give both sources or neither.")
]
Dataset = Annotated[
    str, Field(description="Both sources by one name, if they are unset: fonts, fonts:FOLDER, or notmnist.")
]
PublicSet = Annotated[
    PublicName | None,
    Field(description="A public data set by name, which is downloaded and verified, instead of a root."),
]
Root = Annotated[
    SourceName | None,
    Field(
        description="A folder or archive that holds the splits as folders: train, test, and perhaps val, valid, dev or "
        "validation. If unset, give --train and --test."
    ),
]
TrainSource = Annotated[
    SourceName | None,
    Field(
        description="Source of the train split: a folder, an archive (.tar, plain or as .gz, .bz2, .xz or .zst; or "
        ".zip) or an http(s) URL of one, with one subfolder per class or without any."
    ),
]
TestSource = Annotated[SourceName | None, Field(description="Source of the test split, of the same kinds.")]
ValidationSource = Annotated[SourceName | None, Field(description="Source of the validation split; optional.")]
NamedColumns = Annotated[
    tuple[str, ...],
    Field(
        description="Names of columns, where sources are tables: path=NAME or image=NAME, and label=NAME, split=NAME, "
        "group=NAME. If unset, usual names are looked for."
    ),
]
TrainRows = Annotated[
    PositiveInt | None,
    Field(
        description="Rows of train; a multiple of the number of classes. If unset, as many as the data give, up to "
        "20,000 a class."
    ),
]
ValidationRows = Annotated[NonNegativeInt | None, Field(description="Rows of validation; may be 0.")]
ScoredRows = Annotated[PositiveInt | None, Field(description="Rows of test.")]
DrawnBy = Annotated[
    Recipe,
    Field(
        description="How splits are drawn: cleansplit; course, as in the notMNIST course's notebook, with its seed; or "
        "grouped, from both sources together, with twins and other groups on one side."
    ),
]
GroupBy = Annotated[
    str | None,
    Field(
        description="What belongs together besides twins, in grouped splits: font, as the names of glyphs give it; "
        "group, a column of the sources; or a regular expression on the path of a file, whose first group counts."
    ),
]
GroupAlike = Annotated[
    bool, Field(description="Let grouped splits keep images together that are only alike, and no confirmed twins.")
]
Folds = Annotated[
    Annotated[int, Field(ge=2, le=100)] | None,
    Field(description="Number of folds for cross-validation that groups.parquet gives, of grouped splits."),
]
Seed = Annotated[NonNegativeInt, Field(description="Seed of every random choice.")]
Classes = Annotated[
    PositiveInt | None,
    Field(description="Number of class folders that every source must have. If unset, any number."),
]
GlyphSide = Annotated[
    ImageSide, Field(description="Width and height of a glyph in pixels; photographs may have any size.")
]
MinPerClass = Annotated[
    PositiveInt | None,
    Field(description="Minimum members per class. If unset, 1; for notmnist 45,000 in large, 1,800 in small."),
]

# What counts as a twin, and what is done about it.
ComparedBy = Annotated[
    ViewName | Literal["auto"],
    Field(
        description="How images are compared: by ink for glyphs, by photo for photographs; auto inspects a sample and "
        "reports its choice."
    ),
]
Also = Annotated[
    tuple[Variant, ...],
    Field(description="Forms of photographs that are searched for as well, and counted separately: mirrored."),
]
Threshold = Annotated[
    Share | None,
    Field(
        description="Lowest similarity at which a row is removed, a whole percent. If unset, 0.95 for ink; for photo "
        "what the images themselves allow."
    ),
]
Floor = Annotated[
    Share | None,
    Field(
        description="Lowest similarity of pairs that are searched for and reported. If unset, 0.90 for ink, 0.86 for "
        "photo."
    ),
]
Recall = Annotated[
    Probability | None,
    Field(
        description="Minimum probability that MinHash finds a pair at the floor. If unset, 0.99 for ink; for photo "
        "0.93 that it finds a candidate whose bits have a similarity of 0.60."
    ),
]
EXHAUSTIVE = "Compare all pairs instead, for a recall of 1."
PROTECT = "Which of train and test keeps its rows."
Exhaustive = Annotated[bool, Field(description=EXHAUSTIVE)]
Protected = Annotated[Protect, Field(description=PROTECT)]
MaxOverlap = Annotated[
    Share | None,
    Field(
        description="Gate: largest share of the rows of test and of validation that may have a duplicate in train, and "
        "of test in validation. Above it the run fails, after its report is written."
    ),
]
UNDECIDED = (
    "What a gate does where only undecided rows pass its limit, which may be duplicates or look-alikes: fail with exit "
    "code 5, or pass."
)
OfUndecided = Annotated[Undecided, Field(description=UNDECIDED)]
MaxQuarantine = Annotated[Share, Field(description="Gate: largest share of a class that may be unreadable.")]
MaxIgnored = Annotated[
    Share | None, Field(description="Gate: largest share of members that may be ignored for the ending of their names.")
]
MinRows = Annotated[PositiveInt | None, Field(description="Gate: minimum number of test rows left after sanitizing.")]

DecisionsFile = Annotated[
    PurePath | bool | None,
    Field(
        description="Table of what people decided about pairs of images, as cleansplit review writes it: pairs judged "
        "different are not duplicates, pairs judged the same are. If unset, a command takes the decisions of the "
        "workspace, and a deployment takes none; true takes them, false refuses them."
    ),
]
Kept = Annotated[
    Keep,
    Field(
        description="Which image of a group of duplicates stays: the largest, of equally large ones the one with the "
        "most bytes; or the first by its name, which also decides between equals."
    ),
]
ChainsAre = Annotated[
    Chains,
    Field(
        description="What happens to a chain, a group whose images are not all duplicates of the one that stays, so "
        "that several stay: keep it as one group, or cut it into groups in each of which one image stays."
    ),
]
MaxDuplicates = Annotated[
    Share | None,
    Field(
        description="Gate: largest share of images that may be duplicates. Above it the run fails, after its report is "
        "written."
    ),
]
OneSource = Annotated[
    SourceName,
    Field(
        description="A folder or archive of images, with one subfolder per class or without any; or any other form of "
        "docs/data.md."
    ),
]

# Training.
Models = Annotated[tuple[ModelName, ...], Field(description="Models to train: softmax, sgd, 1nn, mlp.")]
Sizes = Annotated[tuple[Size, ...], Field(description="Training sizes in rows, or all.")]
Trainings = Annotated[
    PositiveInt,
    Field(
        description="How often each model is trained on each size, with and without the twins of test rows. Fewer than "
        "5 trainings can't tell an effect from chance."
    ),
]

# How and where the work is done; none of these changes a result.
RunName = Annotated[str, Field(description="The run: its folder, its id, or latest.")]
KeptRuns = Annotated[PositiveInt, Field(description="Number of runs to keep; the newest is always among them.")]
SummaryFile = Annotated[
    PurePath | None,
    Field(
        description="File to add a Markdown summary to: the answer, the gates, and what changed since the last run of "
        "the same sources in the workspace."
    ),
]
Workspace = Annotated[
    PurePath | None,
    Field(
        description="Folder or s3://bucket/prefix for intermediate results and runs. If unset, CLEANSPLIT_WORKSPACE, "
        "or ./workspace."
    ),
]
Workers = Annotated[
    PositiveInt | None,
    Field(description="Tasks to run in parallel. If unset, one per core, or as many as memory has room for."),
]
Memory = Annotated[
    float | None,
    Field(
        description="Gigabytes that tasks may take together on this machine; it limits how many run in parallel. If "
        "unset, three quarters of what the machine has, or of the limit that it sets.",
        gt=0,
    ),
]
RunBy = Annotated[
    Runner,
    Undecided,
    Field(
        description="Run tasks in threads; decode, and compare photographs, in threads or in processes: auto takes "
        "processes for large sets. dask runs all of them on a Dask cluster."
    ),
]
Cluster = Annotated[
    str | None,
    Field(
        description="Address of the scheduler of a Dask cluster for all tasks, such as tcp://host:8786. If unset, the "
        "value of CLEANSPLIT_CLUSTER; with neither, runner dask starts a cluster on this machine.",
        pattern=r"^[a-z]+://\S+$",
    ),
]
Fresh = Annotated[bool, Field(description="Do everything anew instead of reusing what earlier runs stored.")]
