"""The stages of cleansplit, one package each, in the order in which data passes through them.

sources -> classes -> splits -> overlap -> splits -> evaluation -> reporting; sanitized sets are splits, too.
Stages meet through the records of `tasks.records` and the
files of `tasks.storage.stages`. Only the modules called `tasks.py`, and `stage_task.py`, import Prefect.
"""
