"""Prefect tasks of the acquire stage: bring a source to this machine, then index it."""

from pathlib import Path
from typing import Any

from prefect import get_run_logger
from prefect.tasks import exponential_backoff

from tasks import store
from tasks.acquire import archive, download, fonts, members
from tasks.acquire.folder import read_folder
from tasks.errors import DataError, UsageError
from tasks.records import Archive, LetterIndex, Source, to_json
from tasks.sources import public_name, reveal
from tasks.spec import Role
from tasks.tasks import finished, stage_task
from tasks.workspace import require_space

VERSION = 3
DOWNLOADS = "downloads"


@stage_task("fetch {role}", retries=3, retry_delay_seconds=exponential_backoff(backoff_factor=2))
def fetch(role: Role, source: str, workspace: Path) -> Source:
    """Render fonts, download an archive, or take it where it lies."""
    with store.storage_errors(workspace):
        name, path = _find(role, source, workspace)
        if not path.exists():
            raise UsageError(f"{role} {source} does not exist; name an archive, a folder, a URL, notmnist or fonts.")
        if path.is_dir():
            get_run_logger().info(f"{role} {name}: a folder")
            return Source(role=role, name=name, path=path.resolve(), sha256=None, bytes=0)
        sha256, size = store.sha256_of(path), path.stat().st_size
        get_run_logger().info(f"{role} {name}: {size:,} bytes, sha256 {sha256}")
        return Source(role=role, name=name, path=path.resolve(), sha256=sha256, bytes=size)


def _find(role: Role, source: str, workspace: Path) -> tuple[str, Path]:
    """Return the name that may be shown of a source, and where it lies once it is here."""
    if source == "fonts" or source.startswith("fonts:"):
        return source, _render(role, source.partition(":")[2], workspace)
    if source == "notmnist":
        return source, download.download_notmnist(role, workspace / DOWNLOADS)
    if source.startswith(("http://", "https://")):
        return public_name(source), download.download(reveal(source), workspace / DOWNLOADS)
    return Path(source).name, Path(source).expanduser()


def _render(role: Role, folder: str, workspace: Path) -> Path:
    files = fonts.find_fonts(Path(folder).expanduser() if folder else None)
    name = f"notMNIST_{role}.tar"

    def build(target: Path) -> dict[str, Any]:
        fonts.write_archive(files, role, target / name)
        return {}

    inputs = {"version": VERSION, "fonts": fonts.fonts_digest(files), "role": role}
    return store.stage(workspace, "fonts", inputs, build).folder / name


@stage_task("index {source.role}")
def index(source: Source, workspace: Path) -> Archive:
    """Unpack an archive's gzip and write down where each member lies; nothing is extracted."""
    with store.storage_errors(source.path):
        entries = list(read_folder(source.path)) if source.sha256 is None else None
        packed = entries is None and archive.is_gzip(source.path)

    def build(target: Path) -> dict[str, Any]:
        if packed:
            require_space(workspace, archive.unpacked_size(source.path), f"unpacking {source.name}")
            archive.decompress(source.path, target / "archive.tar")
        found = archive.read_entries(target / "archive.tar" if packed else source.path) if entries is None else entries
        letters, outside, root = members.write_index(found, source.name, target / "index.parquet")
        return {"letters": [to_json(letter) for letter in letters], "outside": outside, "root": root}

    sha256 = source.sha256 if entries is None else store.digest_of([(e.name, e.kind, e.digest.hex()) for e in entries])
    try:
        stage = store.stage(workspace, "index", {"version": VERSION, "sha256": sha256}, build)
    except DataError:
        if source.path.parent == (workspace / DOWNLOADS).resolve():
            source.path.unlink(missing_ok=True)  # "fetch it again" must not find the same file
        raise
    record = Archive(
        role=source.role,
        name=source.name,
        path=stage.folder / "archive.tar"
        if packed
        else source.path
        if entries is None
        else source.path / stage.result["root"],
        index=stage.folder / "index.parquet",
        sha256=str(sha256),
        bytes=source.bytes if entries is None else sum(entry.size for entry in entries),
        letters=tuple(LetterIndex(**letter) for letter in stage.result["letters"]),
        outside=stage.result["outside"],
    )
    count = sum(letter.members for letter in record.letters) + sum(record.outside.values())
    return finished(record, stage, f"{source.role} {source.name}: {count:,} members in {len(record.letters)} classes")
