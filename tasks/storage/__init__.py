"""The door to storage: no other package of cleansplit opens, lists, links or writes a file.

    started    the folder that relative paths start from
    place      where something lies: a root, and a logical name below it
    store      what can be asked of a file or folder in any store
    stores     `at` chooses the store of a place: this machine, a bucket, or a workspace in a bucket
    disk       write, move and remove files of this machine; building does so in one step
    objects    the object store behind a bucket
    errors     storage errors of the operating system, as one sentence
    stages     intermediate results, found again by a digest of their inputs, published whole or not at all
    workspace  all that one folder holds: entered by runs, swept, cleaned, searched for runs
    tables     Parquet
    images     images as Parquet

Records hold logical names, such as ``stages/splits/3f2a/raw/test-00000-of-00001.parquet``, never places: a task joins
them to the workspace that it works in.
"""
