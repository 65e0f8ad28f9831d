"""Write the annotations of some images, and tables about them; they keep the bytes that they have in the source."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from posixpath import dirname

import yaml
from PIL import Image

from tasks.columns import Columns
from tasks.exporting.originals import Originals
from tasks.sources.annotated import label_file, lists_of, read_list, settings_of
from tasks.sources.coco import documents
from tasks.sources.labels import label_tables
from tasks.storage import Place, at, disk
from tasks.vocabulary import SPLIT_FOLDERS, SPLITS, SplitName, path_of


def write_annotations(
    originals: Originals, images: Iterable[tuple[SplitName, str, str]], out: Place, background: bool = False
) -> None:
    """Write the annotations of images, given the split, the id and the name below `out` of each.

    COCO's files list images in the folders of listed ones only if `background` is set.
    The settings of YOLO name new lists of images, because the old paths may lead to the source.
    """
    lists = defaultdict[str, list[str]](list)
    kept = defaultdict[tuple[Place, str], dict[str, set[str]]](lambda: defaultdict(set))
    for split, image, name in images:
        role, *below = image.split("/", 2)
        path = path_of(*below)
        if role in originals.annotated:
            lists["val" if split == "validation" else split].append(f"./{name}\n")
        if role in originals.sources and originals.sources[role].in_folder:  # which may have tables without labels
            kept[originals.sources[role].source, name.removesuffix(path)][role].add(path)
    for (source, before), paths in kept.items():
        names = [one.name for one in at(source).walk(originals.links[min(paths)]) if one.kind == "file"]
        held, every = set(names), set().union(*paths.values())
        for file in filter(None, (label_file(path, held) for path in every)):
            at(source / file).copy(out / f"{before}{file}")
        roles = {role for role, members in originals.sources.items() if members.source == source}
        stay = {split: paths[split] if split in roles else every for split in (*SPLITS, None)}
        columns = next(one.columns for one in originals.archives if one.role in paths)
        for name, data in _files_of(source, names, columns, stay, background):
            disk.make_folder((out / f"{before}{name}").parent)
            disk.write_bytes(out / f"{before}{name}", data)
        if settings := settings_of(source, names) if lists else {}:
            facts = {key: value for key, value in settings.items() if key not in {"path", *SPLIT_FOLDERS}}
            disk.write_text(out / "data.yaml", yaml.safe_dump(facts | {key: f"{key}.txt" for key in lists}))
        if settings or any("/" not in name for name in lists_of(names)):
            for key, lines in lists.items():
                disk.write_text(out / f"{key}.txt", "".join(lines))


def _files_of(
    source: Place, names: list[str], columns: Columns, stay: Mapping[SplitName | None, set[str]], background: bool
) -> Iterator[tuple[str, bytes]]:
    """Yield the lists of VOC, files of COCO and tables with the images that stay, by split, or None for every split."""
    for name, split in lists_of(names).items():
        if "/" in name:
            yield name, "".join(line for line, image in read_list(source, name, stay[split]) if image).encode()
    listing = list(documents(source, names))
    listed = {path for document in listing for path in document.paths.values()}
    for document in listing:
        own, folders = stay[document.split], {dirname(path) for path in document.paths.values()}
        more = sorted(path for path in own - listed if background and dirname(path) in folders)
        if more or not own.isdisjoint(document.paths.values()):
            whole = document.with_images({path: _size(source / path) for path in more}) if more else document
            yield document.name, whole.only(own)
            listed.update(more)  # so that one file lists each
    for table in label_tables(source, names, columns):
        if not stay[table.split].isdisjoint(table.paths.values()):
            yield table.name, table.only(stay[table.split])


def _size(place: Place) -> tuple[int, int]:
    """Return the width and height of an image file."""
    with at(place).reading() as file, Image.open(file) as image:
        return image.size
