"""What each parameter means, for all flows and commands, and the types that several of them share.

The command's help and Prefect's run form show a description; `tasks.records.spec_base.Spec` puts it on the parameter.
"""

from pathlib import PurePath
from typing import Annotated, Literal

from pydantic import Field, PositiveInt

Share = Annotated[float, Field(ge=0, le=1)]
Probability = Annotated[float, Field(gt=0, lt=1)]
ImageSide = Annotated[int, Field(ge=2, le=256)]
FoldCount = Annotated[int, Field(ge=2, le=100)]
Size = PositiveInt | Literal["all"]

DESCRIPTIONS = {
    # Sources and splits.
    "large": "Source of train and validation: an archive (.tar, plain or as .gz, .bz2, .xz or .zst; or .zip) or a "
    "folder with one subfolder per class, an http(s) URL, secret:NAME for a Secret block of Prefect that holds the "
    "URL, notmnist, fonts, or fonts:FOLDER.",
    "small": "Source of test, of the same kinds. Give both sources or neither.",
    "ReproduceSpec.large": "The archive notMNIST_large, or a URL of it. If both are unset, the archives are "
    "downloaded.",
    "ReproduceSpec.small": "The archive notMNIST_small, or a URL of it.",
    "dataset": "Both sources by one name, if they are unset: fonts, fonts:FOLDER, or notmnist.",
    "AuditSpec.dataset": "A public data set by name, which is downloaded and verified, instead of a root.",
    "root": "A folder or archive that holds the splits as folders: train, test, and perhaps val, valid, dev or "
    "validation. If unset, give --train and --test.",
    "AuditSpec.train": "Source of the train split: a folder, an archive (.tar, plain or as .gz, .bz2, .xz or .zst; or "
    ".zip) or an http(s) URL of one, with one subfolder per class or without any.",
    "AuditSpec.test": "Source of the test split, of the same kinds.",
    "AuditSpec.validation": "Source of the validation split; optional.",
    "source": "A folder or archive of images, with one subfolder per class or without any; or any other form of "
    "docs/data.md.",
    "columns": "Names of columns, where sources are tables: path=NAME or image=NAME, and label=NAME, split=NAME, "
    "group=NAME. If unset, usual names are looked for.",
    "train": "Rows of train; a multiple of the number of classes. If unset, as many as the data give, up to 20,000 a "
    "class.",
    "validation": "Rows of validation; may be 0.",
    "test": "Rows of test.",
    "recipe": "How splits are drawn: cleansplit; course, as in the notMNIST course's notebook, with its seed; or "
    "grouped, from both sources together, with twins and other groups on one side.",
    "group_by": "What belongs together besides twins, in grouped splits: font, as the names of glyphs give it; group, "
    "a column of the sources; or a regular expression on the path of a file, whose first group counts.",
    "group_alike": "Let grouped splits keep images together that are only alike, and no confirmed twins.",
    "folds": "Number of folds for cross-validation that groups.parquet gives, of grouped splits.",
    "seed": "Seed of every random choice.",
    "classes": "Number of class folders that every source must have. If unset, any number.",
    "side": "Width and height of a glyph in pixels; photographs may have any size.",
    "min_per_class": "Minimum members per class. If unset, 1; for notmnist 45,000 in large, 1,800 in small.",
    # What counts as a twin, and what is done about it.
    "view": "How images are compared: by ink for glyphs, by photo for photographs; auto inspects a sample and reports "
    "its choice.",
    "also": "Forms of photographs that are searched for as well, and counted separately: mirrored.",
    "threshold": "Lowest similarity at which a row is removed, a whole percent. If unset, 0.95 for ink; for photo what "
    "the images themselves allow.",
    "floor": "Lowest similarity of pairs that are searched for and reported. If unset, 0.90 for ink, 0.86 for photo.",
    "recall": "Minimum probability that MinHash finds a pair at the floor. If unset, 0.99 for ink; for photo 0.93 that "
    "it finds a candidate whose bits have a similarity of 0.60.",
    "exhaustive": "Compare all pairs instead, for a recall of 1.",
    "protect": "Which of train and test keeps its rows.",
    "max_overlap": "Gate: largest share of the rows of test and of validation that may have a duplicate in train, and "
    "of test in validation. Above it the run fails, after its report is written.",
    "undecided": "What a gate does where only undecided rows pass its limit, which may be duplicates or look-alikes: "
    "fail with exit code 5, or pass.",
    "max_quarantine": "Gate: largest share of a class that may be unreadable.",
    "max_ignored": "Gate: largest share of members that may be ignored for the ending of their names.",
    "min_rows": "Gate: minimum number of test rows left after sanitizing.",
    "max_duplicates": "Gate: largest share of images that may be duplicates. Above it the run fails, after its report "
    "is written.",
    "decisions": "Table of what people decided about pairs of images, as cleansplit review writes it: pairs judged "
    "different are not duplicates, pairs judged the same are. If unset, a command takes the decisions of the "
    "workspace, and a deployment takes none; true takes them, false refuses them.",
    "keep": "Which image of a group of duplicates stays: the largest, of equally large ones the one with the most "
    "bytes; or the first by its name, which also decides between equals.",
    "CleanSpec.keep": "Number of runs to keep; the newest is always among them.",
    "chains": "What happens to a chain, a group whose images are not all duplicates of the one that stays, so that "
    "several stay: keep it as one group, or cut it into groups in each of which one image stays.",
    # Training.
    "models": "Models to train: softmax, sgd, 1nn, mlp.",
    "sizes": "Training sizes in rows, or all.",
    "trainings": "How often each model is trained on each size, with and without the twins of test rows. Fewer than 5 "
    "trainings can't tell an effect from chance.",
    # How and where the work is done; none of these changes a result.
    "run": "The run: its folder, its id, or latest.",
    "summary": "File to add a Markdown summary to: the answer, the gates, and what changed since the last run of the "
    "same sources in the workspace.",
    "workspace": "Folder or s3://bucket/prefix for intermediate results and runs. If unset, CLEANSPLIT_WORKSPACE, or "
    "./workspace.",
    "workers": "Tasks to run in parallel. If unset, one per core, or as many as memory has room for.",
    "memory": "Gigabytes that tasks may take together on this machine; it limits how many run in parallel. If unset, "
    "three quarters of what the machine has, or of the limit that it sets.",
    "runner": "Run tasks in threads; decode, and compare photographs, in threads or in processes: auto takes processes "
    "for large sets. dask runs all of them on a Dask cluster.",
    "cluster": "Address of the scheduler of a Dask cluster for all tasks, such as tcp://host:8786. If unset, the value "
    "of CLEANSPLIT_CLUSTER; with neither, runner dask starts a cluster on this machine.",
    "fresh": "Do everything anew instead of reusing what earlier runs stored.",
}

# Of commands that have no spec.
RunName = Annotated[str, Field(description=DESCRIPTIONS["run"])]
KeptRuns = Annotated[PositiveInt, Field(description=DESCRIPTIONS["CleanSpec.keep"])]
Workspace = Annotated[PurePath | None, Field(description=DESCRIPTIONS["workspace"])]
