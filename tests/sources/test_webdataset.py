from tasks.sources.archive import Entry
from tasks.sources.webdataset import named_by_class


def shard(members: dict[str, bytes]) -> tuple[list[Entry], bytes]:
    entries, data = [], b""
    for name, content in members.items():
        entries.append(Entry(name, "file", len(data), len(content), b""))
        data += content
    return entries, data


def named(members: dict[str, bytes], prefix: str = "") -> dict[str, str]:
    entries, data = shard(members)
    found = named_by_class(entries, lambda offset, size: data[offset : offset + size], prefix)
    return {entry.name: entry.kind for entry in found}


def test_an_image_gets_the_class_of_its_key_and_all_else_lies_beside_it() -> None:
    members = {
        "s/01.jpg": b"", "s/01.cls": b"3", "s/01.seg.png": b"", "s/02.PNG": b"", "s/02.cls": b"a/b\n", "x.txt": b"",
    }  # fmt: skip
    assert named(members, "shard-") == {
        "3/shard-s-01.jpg": "file", "s/01.cls": "beside", "s/01.seg.png": "beside", "a_b/shard-s-02.PNG": "file",
        "s/02.cls": "beside", "x.txt": "beside",
    }  # fmt: skip


def test_facts_tell_the_class_where_no_folder_does() -> None:
    facts = {"01.jpg": b"", "01.json": b'{"Label": "cat"}', "02.jpg": b"", "02.json": b'{"label": null}', "03.jpg": b""}
    assert [name for name, kind in named(facts).items() if kind == "file"] == [
        "cat/01.jpg", "(none)/02.jpg", "(none)/03.jpg",
    ]  # fmt: skip
    folders = {"a/01.jpg": b"", "a/01.json": b'{"label": "cat"}', "b/02.jpg": b""}
    assert named(folders) == dict.fromkeys(folders, "file"), "facts that images in class folders have, too"


def test_what_gives_no_class_changes_nothing() -> None:
    for content in (b"{", b"[1]", b'"cat"', b"[" * 9999, b"\xff", b'{"label": [1]}', b'{"label": ""}'):
        members = {"01.jpg": b"", "01.json": content}
        assert named(members) == dict.fromkeys(members, "file"), content
    assert named({"01.jpg": b"", "01.cls": b"\xff"}) == {"01.jpg": "file", "01.cls": "file"}
    assert named({"a/01.jpg": b"", "b/01.jpg": b""}) == {"a/01.jpg": "file", "b/01.jpg": "file"}
