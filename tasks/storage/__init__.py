"""The only package of cleansplit that opens, lists, links or writes files.

A `place.Place` is a root and a logical name below it; `stores.at` reads it, `disk` and `building` write it. Records
hold logical names, such as ``stages/splits/3f2a/raw/test-00000-of-00001.parquet``, never places. A task joins them to
its own workspace.
"""
