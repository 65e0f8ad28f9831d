"""Download archives over HTTP: verified, atomically, and only after changes."""

import hashlib
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath
from urllib.parse import urlsplit

import pooch
import requests
from tqdm import tqdm
from urllib3.exceptions import HTTPError

from tasks.addresses import public_name
from tasks.errors import DataError, SourceUnavailableError
from tasks.sources.archive import is_tar
from tasks.sources.packed import packing_of
from tasks.sources.tables import is_parquet
from tasks.sources.transfer import Transfer, answered, within_limits
from tasks.sources.zips import is_zip
from tasks.storage import Place, at, building, disk

MAY_HEAL = {408, 425, 429, 500, 502, 503, 504}


@dataclass(frozen=True)
class PublishedFile:
    """An immutable file: its name, its sha256, and the addresses of folders that contain it."""

    name: str
    sha256: str
    mirrors: tuple[str, ...]


def download_published(file: PublishedFile, folder: Place) -> Place:
    """Download a published file from the first mirror that has it, unless it is cached.

    Raises `SourceUnavailableError` when no mirror can be reached, `DataError` when none has the published file.
    """
    problems: list[DataError] = []
    for mirror in file.mirrors:
        try:
            return _retrieve(mirror + file.name, f"sha256:{file.sha256}", folder, file.name)
        except DataError as error:
            problems.append(error)
    healing = [problem for problem in problems if isinstance(problem, SourceUnavailableError)]
    raise (healing or problems)[0]


def download(url: str, folder: Place) -> Place:
    """Download an archive; a copy is reused while the server returns the same validators for it."""

    def ask(_: Transfer) -> tuple[bool, list[str | None]]:
        with answered("HEAD", url) as answer:
            return answer.ok, [answer.headers.get(name) for name in ("ETag", "Last-Modified", "Content-Length")]

    try:
        found, validators = within_limits(url, ask)
    except (requests.RequestException, ValueError) as error:
        raise SourceUnavailableError(f"{public_name(url)} could not be reached ({type(error).__name__}).") from error
    known = found and any(validators[:2])
    version = hashlib.sha256(repr((url, validators)).encode()).hexdigest()[:16]
    target = folder / f"{version}-{PurePosixPath(urlsplit(url).path).name or 'archive'}"
    if known and at(target).exists():  # without validators the copy may be outdated
        return target
    disk.make_folder(folder)
    building.put(target, partial(_retrieve_archive, url))
    return target


def _retrieve_archive(url: str, part: Place) -> None:
    _retrieve(url, None, part.parent, part.last)
    if not (packing_of(part) or is_zip(part) or is_tar(part) or is_parquet(part)):
        start = at(part).read_bytes(16)
        raise DataError(
            f"{public_name(url)} is neither an archive nor Parquet: it starts with {start!r}; check the address."
        )


def _retrieve(url: str, known_hash: str | None, folder: Place, name: str) -> Place:
    pooch.get_logger().setLevel("WARNING")
    try:
        pooch.retrieve(url, known_hash, fname=name, path=at(folder).local(), downloader=_fetch)
        return folder / name
    except requests.HTTPError as error:
        status = error.response.status_code if error.response is not None else 0
        kind = SourceUnavailableError if status in MAY_HEAL else DataError
        raise kind(f"{public_name(url)} answered with status {status}; check the address or try again later.") from None
    except (requests.RequestException, HTTPError):
        raise SourceUnavailableError(f"{public_name(url)} could not be fetched completely; try again later.") from None
    except ValueError as error:
        raise DataError(f"{public_name(url)} is not the published file: its sha256 differs.") from error


def _fetch(url: str, target: str, _pooch: object) -> None:
    """Write the body of an address, as a downloader of pooch; a compressed body is stored as it arrives."""

    def write(transfer: Transfer) -> None:
        with answered("GET", url) as answer:
            answer.raise_for_status()
            stated = answer.headers.get("Content-Length", "")
            length = int(stated) if stated.isdecimal() else None
            file = Place.of(target)
            disk.remove(file)  # pooch made it readable only for its owner
            shown = tqdm(total=length, unit="B", unit_scale=True, leave=False, disable=not sys.stderr.isatty())
            with shown, disk.writing(file) as out:
                while piece := answer.raw.read1(1 << 20):  # the bytes that arrived, without waiting for more
                    transfer.add(len(piece))
                    out.write(piece)
                    shown.update(len(piece))

    within_limits(url, write)
