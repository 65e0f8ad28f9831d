"""Write the label files of some images of detection sets, as they are in the source."""

from collections import defaultdict
from collections.abc import Iterable

import yaml

from tasks.exporting.originals import Originals
from tasks.sources.annotated import label_file, settings_of
from tasks.storage import Place, at, disk
from tasks.vocabulary import SPLIT_FOLDERS, SplitName


def write_annotations(originals: Originals, images: Iterable[tuple[SplitName, str, str]], out: Place) -> None:
    """Copy the label files of images, given the split, the id and the name below `out` of each.

    The settings name new lists of images, because the old paths may lead to the source.
    """
    lists: dict[str, list[str]] = defaultdict(list)
    sources = {originals.sources[role].source for role in originals.annotated}
    held = {source: {one.name for one in at(source).walk() if one.kind == "file"} for source in sources}
    for split, image, name in images:
        role, _, path = image.split("/", 2)
        if role in originals.annotated:
            lists["val" if split == "validation" else split].append(f"./{name}\n")
            source = originals.sources[role].source
            if file := label_file(path, held[source]):
                at(source / file).copy(out / f"{name.removesuffix(path)}{file}")
    for source, names in held.items():
        if settings := settings_of(source, sorted(names)):
            facts = {key: value for key, value in settings.items() if key not in {"path", *SPLIT_FOLDERS}}
            disk.write_text(out / "data.yaml", yaml.safe_dump(facts | {key: f"{key}.txt" for key in lists}))
            for key, lines in lists.items():
                disk.write_text(out / f"{key}.txt", "".join(lines))
