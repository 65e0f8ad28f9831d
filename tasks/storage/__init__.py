"""The door to storage: no other package of cleansplit opens, lists, links or writes a file.

A `place.Place` is a root and a logical name below it, `stores.at` reads it in any store, `disk` and `building` write.
Records hold logical names, such as ``stages/splits/3f2a/raw/test-00000-of-00001.parquet``, never places: a task joins
them to the workspace that it works in.
"""
