"""The titles and descriptions of the figures, for who shows them and draws none."""

TITLES = {
    "files": "20 files of each class, as they lie in {}",
    "normalized": "The same images of {}, normalized",
    "rows": "The first 200 rows of {}, with their classes",
    "balance": "Rows of each class, before and after sanitizing",
    "thresholds": "Rows with a twin, by similarity",
    "precision": "Predicted precision of matches, by similarity",
    "predictions": "200 answers to test rows; mistakes read: class but answer",
    "learning-curves": "Accuracy by training size",
    "effects": "What the twins do to accuracy by training size, with 95 % intervals of single looks",
    "classes": "Accuracy of each class",
    "confusion": "Answers to raw test rows",
    "mistakes": "The most confident mistakes: class but answer, and how sure",
}
ALTERNATIVES = {  # descriptions of charts for people who can't see them; the numbers are in the tables beside them
    "thresholds": "Share of rows with a twin in another split, falling as the similarity asked for rises.",
    "precision": "Predicted precision of matches, rising with the similarity asked for, and how many rows have one.",
    "balance": "Rows of each class in each split, before and after sanitizing.",
    "learning-curves": "Accuracy by training size for each model, on raw, sanitized, removed and control rows.",
    "effects": "Differences of accuracy with their intervals, by model and training size.",
    "classes": "Accuracy of each class for each model.",
    "confusion": "Counts of answers to test rows by class, for each model.",
}


def title_of(name: str) -> str:
    """Return the title of a figure by its file's name without the ending.

    >>> title_of("rows-test")
    'The first 200 rows of test, with their classes'
    """
    kind, _, of = name.partition("-")
    return TITLES[name] if name in TITLES else TITLES[kind].format(of)
