"""What a command imports stays, so no search for garbage looks at it."""

import gc

from flows.engine.importing import without_garbage


def test_what_was_imported_is_taken_out_of_every_search_for_garbage() -> None:
    with without_garbage():
        imported = {"as": ["a module"]}
        assert not gc.isenabled()
        assert any(each is imported for each in gc.get_objects())
    assert gc.isenabled()
    assert not any(each is imported for each in gc.get_objects())
