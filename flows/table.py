"""All commands that are flows: the command line, its help, Python, deployments and tests derive from this table."""

from typing import Any

from flows.engine.parameters import Command
from tasks.records import spec, spec_searching

RUN = Command(
    "run", spec.RunSpec, "flows.pipeline.cleansplit",
    "Build splits, measure their overlap, write sanitized splits, and show what the overlap did to accuracy.",
    "cleansplit run --large notMNIST_large.tar.gz --small notMNIST_small.tar.gz",
)  # fmt: skip
AUDIT = Command(
    "audit", spec.AuditSpec, "flows.pipeline.audit",
    "Measure the overlap between existing splits, and write the splits without it.",
    "cleansplit audit --train train/ --test test/ --max-overlap 0.01",
)  # fmt: skip
DEDUPE = Command(
    "dedupe", spec.DedupeSpec, "flows.pipeline.dedupe",
    "Find the duplicate images of one set, and list which of them to keep and which to remove.",
    "cleansplit dedupe photos/",
)  # fmt: skip
SPLIT = Command(
    "split", spec.SplitSpec, "flows.pipeline.split",
    "Draw train, validation and test from one set without leaks: no group of duplicates or other group is divided.",
    "cleansplit split photos/ --group-by '^(patient[0-9]+)'",
)  # fmt: skip
SANITIZE = Command(
    "sanitize", spec.SanitizeSpec, "flows.pipeline.sanitize",
    "Measure the overlap in the splits of a run again, and publish a run without it; nothing is trained.",
    "cleansplit sanitize latest --threshold 0.9",
)  # fmt: skip
EVALUATE = Command(
    "evaluate", spec.EvaluateSpec, "flows.pipeline.evaluate",
    "Train and compare accuracy on the raw and the sanitized splits of a run, and publish a run that shows it.",
    "cleansplit evaluate latest --models mlp",
)  # fmt: skip
PREPARE = Command(
    "prepare", spec.PrepareSpec, "flows.pipeline.prepare",
    "Fetch and load sources and draw splits in the workspace, where a run with the same parameters reuses them.",
    "cleansplit prepare --dataset notmnist",
)  # fmt: skip
REPRODUCE = Command(
    "reproduce", spec.ReproduceSpec, "flows.pipeline.cleansplit",
    "Do the notMNIST course's exercise on its archives, and compare published figures with measured ones.",
    "cleansplit reproduce",
)  # fmt: skip
CLEAN = Command(
    "clean", spec.CleanSpec, "flows.keeping.clean",
    "Remove all but the newest runs, and the intermediate results that only the removed runs used.",
    "cleansplit clean --keep 3",
)  # fmt: skip
VERIFY = Command(
    "verify", spec.VerifySpec, "flows.keeping.verify",
    "Verify every file, row and count of a run.",
    "cleansplit verify",
)  # fmt: skip
ARRIVALS = Command(
    "arrivals", spec_searching.ArrivalsSpec, "flows.arrivals.arrivals",
    "Compare a batch of images with references, and list which are new; `audit --against` is the same.",
    "cleansplit arrivals tonight/ --against photos --accept",
)  # fmt: skip
COMMANDS: tuple[Command[Any], ...] = (
    RUN, AUDIT, DEDUPE, SPLIT, SANITIZE, EVALUATE, PREPARE, REPRODUCE, CLEAN, VERIFY, ARRIVALS,
)  # fmt: skip
FLOW_NAMES = {command.flow: command.flow_name for command in COMMANDS}  # by import path
