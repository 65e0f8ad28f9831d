"""The header of a data set card, which tells `datasets.load_dataset(FOLDER, CONFIG)` where the splits are."""

from collections.abc import Mapping

import yaml

from tasks.vocabulary import SplitName


def card_header(folders: Mapping[str, Mapping[SplitName, str]]) -> list[str]:
    """Return the lines of the header; `folders` has for each configuration the folder of each split with rows.

    >>> card_header({"raw": {"test": "raw"}})
    ['---', 'configs:', '- config_name: raw', '  data_files:', '  - split: test', '    path: raw/test-*.parquet', '---']
    """
    configs = [
        {"config_name": config, "data_files": [{"split": s, "path": f"{f}/{s}-*.parquet"} for s, f in of_split.items()]}
        for config, of_split in folders.items()
    ]
    return ["---", *yaml.safe_dump({"configs": configs}, sort_keys=False).splitlines(), "---"]
