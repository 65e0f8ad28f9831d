"""The header of a data set card: it tells `datasets.load_dataset(FOLDER, CONFIG)` where the splits are."""

from collections.abc import Mapping

from tasks.vocabulary import SplitName


def card_header(folders: Mapping[str, Mapping[SplitName, str]]) -> list[str]:
    """Return the lines of a header.

    Parameters
    ----------
    folders : mapping
        Of each configuration, the folder of each split that has rows; `datasets` refuses to load an empty one.

    >>> card_header({"raw": {"test": "raw"}})
    ['---', 'configs:', '- config_name: raw', '  data_files:', '  - split: test', '    path: raw/test-*.parquet', '---']
    """
    lines = ["---", "configs:"]
    for config, of_split in folders.items():
        lines += [f"- config_name: {config}", "  data_files:"]
        for split, folder in of_split.items():
            lines += [f"  - split: {split}", f"    path: {folder}/{split}-*.parquet"]
    return [*lines, "---"]
