"""Why members are not images of a run, and what to do about it: the texts of reasons.yaml."""

from importlib.resources import files

import yaml

REASONS, REMEDIES = yaml.safe_load(files("tasks.records").joinpath("reasons.yaml").read_text()).values()
