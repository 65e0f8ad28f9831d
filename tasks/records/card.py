"""The header of a data set card, which tells `datasets.load_dataset(FOLDER, CONFIG)` where the splits are."""

from collections.abc import Mapping

from tasks.vocabulary import SplitName


def card_header(folders: Mapping[str, Mapping[SplitName, str]]) -> list[str]:
    """Return the lines of the header.

    Parameters
    ----------
    folders : mapping
        For each configuration, the folder of each split with rows; `datasets` refuses to load empty splits.

    >>> card_header({"raw": {"test": "raw"}})
    ['---', 'configs:', '- config_name: raw', '  data_files:', '  - split: test', '    path: raw/test-*.parquet', '---']
    """
    lines = ["---", "configs:"]
    for config, of_split in folders.items():
        lines += [f"- config_name: {config}", "  data_files:"]
        for split, folder in of_split.items():
            lines += [f"  - split: {split}", f"    path: {folder}/{split}-*.parquet"]
    return [*lines, "---"]
