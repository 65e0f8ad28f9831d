"""Export the splits of a published run in a format of the command `export`, or copy the folder of a run."""

import unicodedata
from collections.abc import Iterable, Sequence
from contextlib import suppress

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow.csv import write_csv

from tasks.errors import DataError, UsageError
from tasks.exporting.annotated import write_annotations
from tasks.exporting.formats import ARRAYS, SplitFiles, card_header, columns_of, names_of, write_encoded
from tasks.exporting.masks import masks_of
from tasks.exporting.originals import Originals
from tasks.records import Findings
from tasks.records.splits import GROUPS
from tasks.storage import Place, at, building, disk, scratch, tables
from tasks.storage.image_files import read_ids
from tasks.storage.stages import damaged_files, stage
from tasks.storage.workspace import RUN_MANIFEST, in_use
from tasks.vocabulary import SPLITS, Format, SplitName

SETS = ("raw", "sanitized")
LONGEST = 255  # bytes of a part of a path, on common file systems
COURSE = {"raw": "notMNIST", "sanitized": "notMNIST_sanitized"}  # names of the pickles


def export_run(
    run: Place, form: Format, out: Place, classes: Sequence[str], found: Findings | None = None
) -> list[Place]:
    """Write the splits of a published run into the new folder `out`, and return its files and folders.

    `classes` are the names of the labels. `found` has the sources of photographs; it is None for glyphs. Raises
    `UsageError` if `out` exists or the format cannot hold the images, and `DataError` if a file of the run or of its
    sources is missing, damaged or changed.
    """
    with disk.storage_errors(out), scratch.locked(str(out)), building.draft(out, exclusive=False) as draft:
        require_whole(run)
        originals = _originals(run, found)
        if found and form == "course":
            raise UsageError("--format course holds only glyphs, but this run has photographs; use --format parquet.")
        if form == "links" and not (originals.sources and all(each.in_folder for each in originals.sources.values())):
            raise UsageError("--format links needs sources that are folders of photographs; use --format folder.")
        _write_sets(run, SETS, form, classes, originals, draft)
    return [out / name for name in at(out).names()]


def set_with_images(run: Place, name: str, found: Findings) -> Place:
    """Write one of `SETS` of a run of photographs as Parquet into the workspace, once, and return its folder.

    Raises `DataError` like `export_run`.
    """
    require_whole(run)

    def build(target: Place) -> None:
        _write_sets(run, (name,), "parquet", found.splits.classes, _originals(run, found), target)

    with in_use(workspace := run.parent.parent):
        return stage(workspace, "exported", {"version": 1, "run": run.last, "set": name}, build).folder


def pull_run(run: Place, out: Place) -> None:
    """Copy a run to the new folder `out`, and verify every file.

    Raises `UsageError` if `out` exists, and `DataError` if the run is damaged; then `out` does not exist afterwards.
    """
    with disk.storage_errors(out), scratch.locked(str(out)), building.draft(out, exclusive=False) as draft:
        with suppress(FileNotFoundError):  # the check below finds a file that is missing
            for name in at(run).files_below():
                at(run / name).copy(draft / name)
        if damaged_files(draft, RUN_MANIFEST):
            raise DataError(f"{run} is damaged; run its command again to rebuild it.")


def _originals(run: Place, found: Findings | None) -> Originals:
    return Originals(found.archives if found else (), run.parent.parent, found.photographs if found else ())


def _write_sets(
    run: Place, sets: Sequence[str], form: Format, classes: Sequence[str], originals: Originals, target: Place
) -> None:
    groups = tables.read(run / GROUPS) if at(run / GROUPS).exists() else None
    for name in sets:
        files = {split: files_of(run, name, split) for split in SPLITS}
        if form in ARRAYS:
            ending, write = ARRAYS[form]
            with disk.writing(target / f"{COURSE[name] if form == 'course' else name}.{ending}") as out:
                write(columns_of(files, originals) | ({} if form == "course" else names_of(classes)), out)
        elif form == "parquet":
            for split, places in files.items():
                write_encoded(places, split, classes, originals, groups, target / name)
        else:
            write_folder(files, target / name, originals, linked=form == "links")
            if groups is not None:
                write_group_list(files, groups, originals, target / name / "groups.csv")
    if form == "parquet":
        written = {name: [s for s in SPLITS if at(target / name).matching(f"{s}-*.parquet")] for name in sets}
        folders = {name: dict.fromkeys(splits, name) for name, splits in written.items()}
        disk.write_text(target / "README.md", "\n".join([*card_header(folders), ""]))


def require_whole(run: Place) -> None:
    """Raise `DataError` if a file of the run has changed, because exports take names and content from these files."""
    if wrong := damaged_files(run, RUN_MANIFEST):
        raise DataError(f"{run}: {wrong[0]} Run its command again to rebuild it.")


def files_of(run: Place, name: str, split: SplitName) -> list[Place]:
    """Return the Parquet files of a split; a sanitized set uses the raw files of a split that lost no rows."""
    return at(run).matching(f"{name}/{split}-*.parquet") or at(run).matching(f"raw/{split}-*.parquet")


def write_group_list(files: SplitFiles, groups: pa.Table, originals: Originals, target: Place) -> None:
    """Write the group of each file of a set as CSV, and its fold if the run has folds."""
    ids = {split: read_ids(places) for split, places in files.items()}
    at = pc.index_in(pa.concat_arrays([*ids.values()]), value_set=groups["id"].combine_chunks())
    own = groups.drop_columns(["split"]).take(at)
    paths = [path for split, names in ids.items() for path in originals.names(names, split)]
    with tables.writing(target) as out:
        write_csv(tables.harmless(own.set_column(0, "file", pa.array(paths, pa.string())).sort_by("file")), out)


def write_folder(files: SplitFiles, folder: Place, originals: Originals, linked: bool) -> None:
    """Write the images of a set under their names in the source, in a folder for each split, and their annotations."""
    written: list[tuple[SplitName, str, str]] = []
    for split, places in files.items():
        names, before = originals.names(read_ids(places), split), {name for _, _, name in written}
        check_names(names)
        for original, name in zip(originals.read(places), names, strict=True):
            if name not in before:  # an image of two splits is one file
                original.put(folder / name, linked)
            written.append((split, original.id, name))
    write_annotations(originals, written, folder)
    for mask, name in masks_of(originals, ((image, name) for _, image, name in written)):
        mask.put(folder / name, linked)


def check_names(names: Iterable[str], cased: bool = False) -> None:
    """Raise `DataError` for the first path that leaves the folder or conflicts with another path.

    `names` are paths below one folder, with ``/`` between their parts; if `cased`, two may differ only in case.
    """
    files: dict[str, str] = {}
    folders: dict[str, str] = {}
    for name in names:
        if reason := _what_is_wrong(name):
            raise _refused(name, reason)
        same = unicodedata.normalize("NFC", name)  # equal if some file system has one file for both
        same = same if cased else same.casefold()
        if same in files:
            raise _refused(name, f"is the same file as {files[same]!r} on case-insensitive file systems")
        files[same] = name
        above = same
        while (above := above.rpartition("/")[0]) and above not in folders:
            folders[above] = name
    for both in sorted(files.keys() & folders.keys())[:1]:
        raise _refused(files[both], f"is also the folder of {folders[both]!r}")


def _what_is_wrong(name: str) -> str | None:
    parts = name.split("/")
    if name.startswith("/") or ".." in name.replace("\\", "/").split("/"):
        return "leaves the folder"
    if "" in parts or "." in parts:
        return "has an empty part"
    if any(unicodedata.category(character) == "Cc" for character in name):
        return "has a control character"
    if any(len(part.encode("utf-8", "surrogateescape")) > LONGEST for part in parts):
        return f"has a part of more than {LONGEST} bytes"
    return None


def _refused(name: str, reason: str) -> DataError:
    return DataError(f"the image {name!r} {reason}; rename it, or use `cleansplit export --format parquet`.")
