"""The description of each parameter, for all flows and commands, and the types that several of them share.

The help of commands and the run forms of Prefect show it.
"""

from typing import Annotated, Literal

from pydantic import Field, PositiveInt

Share = Annotated[float, Field(ge=0, le=1)]
Probability = Annotated[float, Field(gt=0, lt=1)]
ImageSide = Annotated[int, Field(ge=2, le=256)]
FoldCount = Annotated[int, Field(ge=2, le=100)]
Size = PositiveInt | Literal["all"]
ReferenceName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$", title="letters, digits, - and _")]
ReferenceNames = Annotated[
    tuple[ReferenceName, ...], Field(min_length=1, title="a list of names of letters, digits, - and _")
]

DESCRIPTIONS = {
    # Sources and splits.
    "large": "Source of train and validation: an archive (.tar, plain or as .gz, .bz2, .xz or .zst; or .zip) or a "
    "folder with one subfolder per class, an http(s) URL, secret:NAME for a Secret block of Prefect that holds the "
    "URL, notmnist, fonts, or fonts:FOLDER.",
    "small": "Source of test, of the same kinds. Give both sources or neither.",
    "reproduce.large": "The archive notMNIST_large, or a URL of it. If both are unset, they are downloaded.",
    "reproduce.small": "The archive notMNIST_small, or a URL of it.",
    "dataset": "Both sources by one name, if they are unset: fonts, fonts:FOLDER, or notmnist.",
    "audit.dataset": "A public data set by name, which is downloaded and verified, instead of a root.",
    "root": "A folder or archive with the splits as folders: train, test, and optionally val, valid, dev or "
    "validation; or Parquet files, .npz, IDX files, CIFAR's pickles, a table of paths, or shards: see docs/data.md. "
    "If unset, give --train and --test.",
    "audit.train": "Source of the train split: a folder, an archive (.tar, plain or as .gz, .bz2, .xz or .zst; or "
    ".zip) or an http(s) URL of one, with one subfolder per class or without any.",
    "audit.test": "Source of the test split, of the same kinds. A command audits several if you repeat it.",
    "audit.validation": "Source of the validation split; optional.",
    "add.source": "A folder or archive of images, or another form of docs/data.md.",
    "sources": "More sources.",
    "source": "A folder or archive of images, with or without a subfolder per class; or another form of docs/data.md.",
    "against": "Reference to compare the batch with; give the option once for each reference.",
    "accept": "Add the new images to the first reference, and list all others in quarantine.parquet.",
    "whole": "Add all images to the first reference without comparing them; it is made if it does not exist.",
    "columns": "Names of columns, for tables as sources: path=NAME or image=NAME, and label=NAME, split=NAME, "
    "group=NAME. If unset, usual names are tried.",
    "masks_as_images": "Read masks in image files as images, too; masks are found by the names of folders and files.",
    "follow_links": "Follow symbolic links that lead out of a folder of images, too, to files below this folder.",
    "train": "Rows of train; `run` needs a multiple of the classes. If unset, up to 20,000 per class; grouped 80 %.",
    "validation": "Rows of validation; may be 0. If unset, up to 1,000 per class; grouped 10 %.",
    "test": "Rows of test. If unset, up to 1,000 per class; grouped 10 %.",
    "recipe": "How splits are drawn: cleansplit; course, as in the notMNIST course's notebook, with its seed; or "
    "grouped, from both sources together, without dividing groups of duplicates or other groups.",
    "group_by": "Images that belong together besides duplicates, for grouped splits and audits: font, from the names "
    "of glyphs; group, a column; folder; exif, the camera and the minute; dicom:PatientID; dicom:SeriesInstanceUID; or "
    "a regular expression on the path.",
    "group_alike": "Let grouped splits also keep images together that are similar, but not confirmed duplicates.",
    "folds": "Number of cross-validation folds in groups.parquet, for grouped splits.",
    "seed": "Seed of every random choice.",
    "classes": "Number of class folders that every source must have. If unset, any number.",
    "side": "Width and height of a glyph in pixels; photographs may have any size.",
    "min_per_class": "Minimum members per class. If unset, 1; for notmnist 45,000 in large, 1,800 in small.",
    # What counts as a duplicate, and what happens to it.
    "view": "How images are compared: ink for glyphs, photo for photographs; auto inspects a sample and says which.",
    "also": "Transformed photographs to search for as well, with their own count: mirrored.",
    "threshold": "Lowest similarity of images to remove, with two decimals. If unset, 0.95 for ink; for photo a "
    "threshold that the images determine.",
    "floor": "Lowest similarity of pairs to search for and report. If unset, 0.90 for ink, 0.86 for photo.",
    "recall": "Minimum probability that MinHash finds a pair at the floor. If unset, 0.99 for ink; for photo 0.93 that "
    "it finds a candidate whose bits have a similarity of 0.60.",
    "exhaustive": "Compare the bits of all pairs instead, for a recall of 1.",
    "protect": "Which of train and test keeps its rows.",
    "max_overlap": "Gate: largest share of the images of test that may have a duplicate in train or validation, and of "
    "validation in train. Above it the run fails, after its report is written.",
    "max_shared_groups": "Gate: largest share of rows that may share a group of --group-by with an earlier split.",
    "undecided": "What a gate does if only undecided rows exceed its limit, which may be duplicates or look-alikes: "
    "fail with exit code 5, or pass.",
    "max_quarantine": "Gate: largest share of a class, and of a whole source, that may be refused.",
    "max_ignored": "Gate: largest share of files that may be ignored: files without the extension of an image, and "
    "images and archives that tables or annotations do not name.",
    "min_rows": "Gate: minimum number of test rows after sanitizing.",
    "max_duplicates": "Gate: largest share of images that may be duplicates. Above it the run fails after its report.",
    "decisions": "Table of people's decisions about pairs of images, as written by cleansplit review: pairs judged "
    "different are not duplicates, pairs judged the same are. If unset, a command takes the decisions of the "
    "workspace, and a deployment takes none; true takes them, false refuses them.",
    "embeddings": "Vectors of photographs from any model, which nominate candidates: Parquet with id and vector, or "
    "NAME.npy with its ids in NAME.txt. An id is the split and the path, as in train/cat/1.png.",
    "keep": "Which image of a group of duplicates stays: the largest, among equals the one with the most "
    "bytes; or the first by its name, which also decides between equals.",
    "clean.keep": "Number of runs to keep; the newest is always among them.",
    "chains": "What to do with a chain, where A is a duplicate of B, and B of C, but A not of C: keep one group, in "
    "which several images stay, or cut it into groups with one image that stays in each.",
    # Training.
    "models": "Models to train: softmax, sgd, 1nn, mlp.",
    "sizes": "Training sizes in rows, or all.",
    "trainings": "Number of trainings per model and size, with and without the duplicates of test rows. With fewer "
    "than 5, no effect can be significant.",
    # Where the work is done, and how; these parameters do not affect results.
    "run": "The run: its folder, its id, or latest.",
    "summary": "File to append a Markdown summary to: the answer, the gates, and the changes since the last run of the "
    "same sources in the workspace.",
    "workspace": "Folder or s3://bucket/prefix for intermediate results and runs. If unset, CLEANSPLIT_WORKSPACE, or "
    "./workspace.",
    "workers": "Number of parallel tasks. If unset, one per core, or fewer if memory is short.",
    "memory": "Gigabytes that all tasks together may use on this machine, which limits the parallel tasks. If unset, "
    "three quarters of the machine's memory, or of its memory limit.",
    "runner": "Run tasks in threads; decode, and compare photographs, in threads or in processes: auto uses processes "
    "for large sets. dask runs all of them on a Dask cluster.",
    "cluster": "Address of the scheduler of a Dask cluster for all tasks, such as tcp://host:8786. If unset, the value "
    "of CLEANSPLIT_CLUSTER; without either, runner dask starts a cluster on this machine.",
    "fresh": "First delete all intermediate results in the workspace. review, apply, export, sanitize and evaluate of "
    "other runs then need these runs again.",
    # Of commands without a flow.
    "report.out": "File to write; by default RUN.html in the current folder. The page in the run's folder stays.",
    "one": "The earlier run: its folder, its id, or latest.",
    "other": "The later run.",
    "format": "course, npz, folder, links or parquet.",
    "export.out": "Folder to write; it must not exist. By default RUN-FORMAT in the current folder.",
    "pull.run": "The run: its folder or address, its id, or latest.",
    "pull.out": "Folder to write; it must not exist. By default RUN in the current folder.",
    "port": "Port of 127.0.0.1 to listen on; by default any free port.",
    "no_browser": "Only print the address.",
    "move": "Move the removed files out of their folders into this one.",
    "link": "Make this folder, with hard links to all files that stay; files in archives are copied.",
    "background": "List images without objects in COCO's files, if these did not list them.",
    "allow_empty": "Go on although a split has no image left without a duplicate.",
    "execute": "Make the change.",
    "name": "The reference: letters, digits, - and _.",
    "segment": "The segment: the start of its id, which `cleansplit reference list NAME` shows.",
    "reason": "Why it is dropped; the list shows it.",
}


def described(command: str, name: str) -> str:
    """Return the description of a parameter of a command, which may have its own."""
    return DESCRIPTIONS.get(f"{command}.{name}") or DESCRIPTIONS[name]
