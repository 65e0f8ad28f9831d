"""The only package that opens, lists, links or writes files: `at` reads a place, `disk` and `building` write."""

from tasks.storage.place import Place as Place
from tasks.storage.stores import at as at
