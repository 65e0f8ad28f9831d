"""What a command imports stays, so no search for garbage looks at it."""

import gc
import sys

from flows.engine.importing import without_garbage


def test_what_was_imported_is_taken_out_of_every_search_for_garbage() -> None:
    try:
        with without_garbage():
            assert not gc.isenabled()
            assert sys.modules["__main__"].__dict__ in gc.get_objects()
        assert gc.isenabled()
        assert gc.get_freeze_count() > 10_000
        assert sys.modules["__main__"].__dict__ not in gc.get_objects()
    finally:
        gc.unfreeze()
