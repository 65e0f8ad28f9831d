"""Stages account for all rows before they publish."""


def conserve(stage: str, came_in: int, *went_out: int) -> None:
    """Raise `RuntimeError` in a stage that lost or invented rows, which is a bug.

    >>> conserve("sanitize test", 10, 7, 3)
    >>> conserve("sanitize test", 10, 7, 2)
    Traceback (most recent call last):
    RuntimeError: sanitize test: 10 rows came in and 9 are accounted for
    """
    if came_in != sum(went_out):
        raise RuntimeError(f"{stage}: {came_in:,} rows came in and {sum(went_out):,} are accounted for")
