"""The titles and descriptions of the figures."""

TITLES = {
    "files": "20 files of each class of {}",
    "normalized": "The same images of {}, normalized",
    "rows": "The first 200 rows of {}, with their classes",
    "balance": "Rows of each class, before and after sanitizing",
    "thresholds": "Rows with a duplicate, by similarity",
    "precision": "Predicted precision of matches, by similarity",
    "learning-curves": "Accuracy by training size",
    "effects": "Effect of the duplicates on accuracy; the 95 % intervals are not corrected for multiple comparisons",
    "confusion": "Answers to raw test rows",
    "mistakes": "The most confident mistakes: class but answer, and how sure",
}
ALTERNATIVES = {  # for screen readers; the tables have the numbers
    "thresholds": "Share of rows with a duplicate in another split, which falls as the threshold rises.",
    "precision": "Predicted precision of matches, which rises with the threshold, and the number of rows with a match.",
    "balance": "Rows of each class in each split, before and after sanitizing.",
    "learning-curves": "Accuracy by training size for each model, on raw, sanitized, removed and control rows.",
    "effects": "Differences of accuracy with their intervals, by model and training size.",
    "confusion": "Counts of answers to test rows by class, for each model.",
}


def title_of(name: str) -> str:
    """Return the title of a figure by its file name without extension.

    >>> title_of("rows-test")
    'The first 200 rows of test, with their classes'
    """
    kind, _, of = name.partition("-")
    return TITLES[name] if name in TITLES else TITLES[kind].format(of)
