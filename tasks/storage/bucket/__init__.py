"""A workspace in a bucket: objects that are written once, and a cache of them on this machine.

    objects    the object store: read, write on a condition, list, delete; nothing else speaks with it
    scratch    a folder of this machine: files by their content, bounded in bytes, and what is being built
    published  what a workspace in a bucket holds, as `tasks.storage.disk` shows it
    publish    build a stage or run in scratch and publish it, once
    leases     who uses the workspace
    cleaning   remove what no run needs

    files/<sha256>                     content, once for all stages and runs that have it
    stages/<stage>/<key>/manifest.json what a stage holds, written last, on the condition that there is none
    runs/<run id>/run.json             the same of a run
    latest, history.parquet, decisions.parquet
    leases/<who>                       renewed while a run or a cleaning goes on

A stage or run is its manifest: the files that it names are there before it. Nothing is renamed, linked or locked.
"""
