"""The stages of cleansplit, one package each, in the order in which data pass through them.

sources -> classes -> splits -> overlap -> splits -> evaluation -> reporting; splits writes drawn and sanitized sets.
Stages exchange records (`tasks.records`) and files (`tasks.storage.stages`). Only `stage_task.py`, which declares
tasks, and modules named `tasks.py` import Prefect themselves.
"""
