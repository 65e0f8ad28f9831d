"""Write the splits of a published run in the forms that others read, or bring the folder of a run here.

    course   a dict of arrays of glyphs for each set, as the course's notebook writes them; Python 2 reads them, too
    npz      the same arrays as .npz; of photographs of one size, their decoded pixels
    folder   a folder per set, split and class (ImageFolder), with PNGs of glyphs or the originals of photographs
    links    the same as hard links to the originals
    parquet  the files inside Parquet, which `datasets` shows as images

Files are written a row group at a time, beside their place, and renamed.
"""

from collections.abc import Sequence
from contextlib import suppress

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow.csv import write_csv

from tasks.errors import DataError, UsageError
from tasks.exporting.arrays import ARRAYS, Files, columns_of
from tasks.exporting.encoded import write_encoded
from tasks.exporting.names import check_names
from tasks.exporting.originals import Originals
from tasks.records import Findings
from tasks.records.card import card_header
from tasks.storage import building, disk, tables
from tasks.storage.disk import require_space
from tasks.storage.errors import storage_errors
from tasks.storage.image_files import read_ids
from tasks.storage.place import Place
from tasks.storage.stages import damaged_files, read_manifest, stage
from tasks.storage.stores import at
from tasks.storage.workspace import RUN_MANIFEST, in_use
from tasks.vocabulary import SPLITS, Format, SplitName

GROUPS = "groups.parquet"  # of a run whose splits were drawn in groups
SETS = ("raw", "sanitized")
FILES = {"raw": "notMNIST", "sanitized": "notMNIST_sanitized"}
PER_FILE = 4096  # bytes that a small file takes on most file systems


def export_run(
    run: Place, form: Format, out: Place, classes: Sequence[str], found: Findings | None = None
) -> list[Place]:
    """Write the splits of a published run into a folder that does not exist yet; return the files or folders in it.

    `classes` are the names of the labels; `found` is that of a run of photographs, whose originals are exported. Raises
    `UsageError` when `out` is there already, there is nothing to link, or the format can't hold such images, and
    `DataError` when a file of the run or of its sources is missing, damaged or changed.
    """
    if at(out).exists():
        raise UsageError(f"{out} is there already; choose another --out.")
    require_whole(run)
    originals = _originals(run, found)
    if found and form == "course":
        raise UsageError("the course's pickles hold glyphs, and these are photographs; use --format npz or parquet.")
    if form == "links" and not (originals.sources and all(each.in_folder for each in originals.sources.values())):
        raise UsageError(
            f"{run.last} was not made from folders of photographs, so nothing can be linked; use --format folder."
        )
    with storage_errors(out):
        disk.make_folder(out.parent)
        with building.draft(out, exclusive=False) as draft:
            _write_sets(run, SETS, form, classes, originals, draft)
    return [out / name for name in at(out).names()]


def set_with_images(run: Place, name: str, found: Findings) -> Place:
    """Return a folder of the workspace with a set of photographs as Parquet, which is written once.

    Raises `UsageError` when the set is neither raw nor sanitized, and otherwise what `export_run` raises.
    """
    if name not in SETS:
        raise UsageError(f"{name} is not a set of {run.last}; use raw or sanitized.")
    require_whole(run)

    def build(target: Place) -> dict[str, object]:
        _write_sets(run, (name,), "parquet", found.splits.classes, _originals(run, found), target)
        return {}

    with in_use(workspace := run.parent.parent):
        return stage(workspace, "exported", {"version": 1, "run": run.last, "set": name}, build).folder


def pull_run(run: Place, out: Place) -> None:
    """Copy a run to a folder that does not exist yet, and verify every file of it.

    Raises `UsageError` when `out` exists, `DataError` when the run is damaged; nothing is left at `out` then.
    """
    if at(out).exists():
        raise UsageError(f"{out} is there already; remove it, or give another --out.")
    with storage_errors(out):
        disk.make_folder(out.parent)
        with building.draft(out, exclusive=False) as draft:
            with suppress(FileNotFoundError):  # what is missing is then missing in the draft
                for name in at(run).files_below():
                    at(run / name).copy(draft / name)
            manifest = read_manifest(draft / RUN_MANIFEST)
            if manifest is None or damaged_files(draft, manifest["files"]):
                raise DataError(f"{run} is damaged; run the command that made it again to rebuild it.")


def _originals(run: Place, found: Findings | None) -> Originals:
    return Originals(found.archives if found else (), run.parent.parent, found.photographs if found else ())


def _write_sets(
    run: Place, sets: Sequence[str], form: Format, classes: Sequence[str], originals: Originals, target: Place
) -> None:
    groups = tables.read(run / GROUPS) if at(run / GROUPS).exists() else None
    for name in sets:
        files = {split: files_of(run, name, split) for split in SPLITS}
        require_space(target.parent, _bytes_of(files, form, originals), f"export as {form}")
        if form in ARRAYS:
            ending, write = ARRAYS[form]
            with disk.writing(target / f"{FILES[name]}.{ending}") as out:
                write(columns_of(files, originals), out)
        elif form == "parquet":
            for split, places in files.items():
                write_encoded(places, split, classes, originals, groups, target / name)
        else:
            write_folder(files, target / name, originals, linked=form == "links")
            if groups is not None:
                write_group_list(files, groups, target / name / "groups.csv")
    if form == "parquet":
        written = {name: [s for s in SPLITS if at(target / name).matching(f"{s}-*.parquet")] for name in sets}
        folders = {name: dict.fromkeys(splits, name) for name, splits in written.items()}
        disk.write_text(target / "README.md", "\n".join([*card_header(folders), ""]))


def require_whole(run: Place) -> None:
    """Refuse a run whose files are not as it was published: what they hold becomes names and content of files."""
    manifest = read_manifest(run / RUN_MANIFEST)
    if manifest is None:
        raise DataError(f"{run} is not the folder of a whole run: its {RUN_MANIFEST} is missing or was changed.")
    if wrong := damaged_files(run, manifest["files"]):
        raise DataError(f"{run}: {wrong[0]} Do the run again, which rebuilds it.")


def files_of(run: Place, name: str, split: SplitName) -> list[Place]:
    """Return the Parquet files of a split of a whole run; a sanitized set takes over the splits that lost no rows."""
    return at(run).matching(f"{name}/{split}-*.parquet") or at(run).matching(f"raw/{split}-*.parquet")


def write_group_list(files: Files, groups: pa.Table, target: Place) -> None:
    """Write the group of each file of a set as CSV, and its fold, if there are folds."""
    ids = {split: read_ids(places) for split, places in files.items()}
    at = pc.index_in(pa.concat_arrays([*ids.values()]), value_set=groups["id"].combine_chunks())
    own = groups.drop_columns(["split"]).take(at)
    paths = [f"{split}/{name.split('/', 1)[1]}" for split, names in ids.items() for name in names.to_pylist()]
    with disk.arrow_output(target) as out:
        write_csv(own.set_column(0, "file", pa.array(paths, pa.string())).sort_by("file"), out)


def write_folder(files: Files, folder: Place, originals: Originals, linked: bool) -> None:
    """Write one set as files by split and class, under the names that the members had."""
    for split, places in files.items():
        check_names(name.split("/", 1)[1] for name in read_ids(places).to_pylist())
        disk.make_folder(folder / split)
        for original in originals.read(places):
            original.put(folder / split / original.id.split("/", 1)[1], linked)


def _bytes_of(files: Files, form: Format, originals: Originals) -> int:
    """Return about how many bytes a set takes in a form."""
    if form in ARRAYS:
        return sum(column.nbytes for column in columns_of(files, originals).values())
    sizes = [size for places in files.values() for size in originals.sizes(read_ids(places))]
    if form == "links":
        return PER_FILE * len(sizes)
    return sum(max(size, 0 if form == "parquet" else PER_FILE) for size in sizes)
