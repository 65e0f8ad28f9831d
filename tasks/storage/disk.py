"""The only package that touches a file system; what lies in a bucket is asked of `published` and `bucket_sources`.

anywhere  where a place is, and who is asked for what is in a bucket
looking   what is there
files     reading, writing, removing
building  what comes to its place in one step, and locks
"""

from tasks.storage.anywhere import is_inside, local, named, resolved
from tasks.storage.building import (
    draft,
    drop_unfinished,
    held,
    lock_of,
    locked,
    point,
    probe,
    put,
    revise,
    sweep,
)
from tasks.storage.files import (
    add_text,
    arrow_input,
    arrow_output,
    contents,
    copy,
    forget,
    link,
    make_folder,
    mapped,
    move,
    read_bytes,
    read_pieces,
    read_text,
    reading,
    remove,
    sha256_of,
    write_bytes,
    write_text,
    writing,
    writing_over,
)
from tasks.storage.looking import (
    Listed,
    bytes_only_in,
    exists,
    expanded,
    folders_in,
    free_bytes,
    is_file,
    is_folder,
    is_open_to_all,
    links_in,
    matching,
    names_below,
    names_in,
    pointed,
    size_of,
    strange_below,
    total_bytes,
    walk,
)

__all__ = [
    "Listed", "add_text", "arrow_input", "arrow_output", "bytes_only_in",
    "contents", "copy", "draft", "drop_unfinished", "exists", "expanded", "folders_in", "forget", "free_bytes",
    "held", "is_file", "is_folder", "is_inside", "is_open_to_all", "link", "links_in", "local", "lock_of", "locked",
    "make_folder", "mapped", "matching", "move", "named", "names_below", "names_in", "point", "pointed", "probe",
    "put", "read_bytes", "read_pieces", "read_text", "reading", "remove", "resolved", "revise", "sha256_of",
    "size_of", "strange_below", "sweep", "total_bytes", "walk", "write_bytes", "write_text", "writing",
    "writing_over",
]  # fmt: skip
