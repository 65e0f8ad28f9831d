"""Prefect task of the evaluation stage: one trained model each."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import sklearn

from tasks import store
from tasks.evaluation.models import fit, predict
from tasks.evaluation.scores import subsets, wilson
from tasks.images import Images, as_rows, normalize, read_images
from tasks.records import Evaluation, Sanitized, Score, Splits
from tasks.spec import ModelName, RunSpec, SplitName
from tasks.tasks import finished, stage_task

VERSION = 1
SCORED: tuple[SplitName, ...] = ("validation", "test")


@stage_task("train {model} on {rows} rows")
def train_and_score(
    spec: RunSpec, splits: Splits, sanitized: Sanitized, model: ModelName, rows: int, workspace: Path
) -> Evaluation:
    """Train one model on the first rows of train and score it on raw and sanitized rows."""

    def build(target: Path) -> dict[str, Any]:
        train = read_images(splits.train.files, rows)
        classifier = fit(model, pixels_of(train), train.labels, spec.seed)
        for name in SCORED:
            images = read_images(splits[name].files)
            predicted, confidence = predict(classifier, pixels_of(images))
            columns = {"id": images.ids, "label": images.labels, "predicted": predicted, "confidence": confidence}
            pq.write_table(pa.table(columns), target / f"{name}.parquet", compression="zstd", write_page_checksum=True)
        return {}

    inputs = {
        "version": VERSION,
        "splits": [splits[name].sha256 for name in ("train", *SCORED)],
        "model": model,
        "rows": rows,
        "seed": spec.seed,
        "libraries": [sklearn.__version__, np.__version__],
    }
    stage = store.stage(workspace, "models", inputs, build)
    removed = pq.read_table(sanitized.removed, page_checksum_verification=True)
    scores = []
    for name in SCORED:
        table = pq.read_table(stage.folder / f"{name}.parquet", page_checksum_verification=True)
        labels = table["label"].to_numpy()
        correct = labels == table["predicted"].to_numpy()
        for subset, mask in subsets(table["id"].combine_chunks(), labels, removed, spec.seed):
            n = int(mask.sum())
            interval = wilson(int(correct[mask].sum()), n)
            scores.append(Score(model, rows, spec.seed, "none", f"{name}_{subset}", n, *interval))
    record = Evaluation(predictions=stage.folder, scores=tuple(scores), effects=())
    raw = next(score for score in scores if score.evaluated_on == "test_raw")
    return finished(record, stage, f"{model} on {rows:,} rows: accuracy {raw.accuracy:.4f} on raw test")


def training_sizes(spec: RunSpec, train_rows: int) -> list[int]:
    """Return the training sizes that a train split can give, ascending, ``all`` as its number of rows."""
    sizes = {train_rows if size == "all" else size for size in spec.sizes}
    return sorted(size for size in sizes if size <= train_rows)


def pixels_of(images: Images) -> Any:
    """Return images as rows of normalized pixels, float32 (n, side * side)."""
    return normalize(as_rows(images.gray))
