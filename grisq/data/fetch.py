"""Fetch one verified file: a broken download resumes, and the file gets its name only when it is complete."""

import hashlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx2

from grisq.runtime.errors import InputError
from grisq.runtime.files import clear_disk_errors

TRIES = 6  # of one file; waits between them double from one second
LONGEST_WAIT = 60.0  # seconds, whatever the server asks for
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})  # answers that a later try may not get
_TIMEOUT = httpx2.Timeout(30, connect=15)  # seconds without a single byte


@dataclass(frozen=True)
class Source:
    """Where a file comes from and what is known of it."""

    url: str
    by_hand: str  # the page from which to get it without this program
    size: int | None = None  # bytes
    sha256: str | None = None
    then: str = "let `grisq data check` verify it"  # after getting it by hand


class _TryAgain(Exception):
    """Something that may pass; `wait` is what the server asked for, in seconds."""

    def __init__(self, reason: str, wait: float | None = None):
        super().__init__(reason)
        self.wait = wait


def open_client(jobs: int = 8) -> httpx2.Client:
    """A client that several threads share; follows redirects and takes files as they are, uncompressed."""
    limits = httpx2.Limits(max_connections=jobs, max_keepalive_connections=jobs)
    headers = {"Accept-Encoding": "identity", "User-Agent": "grisq"}
    return httpx2.Client(timeout=_TIMEOUT, limits=limits, headers=headers, follow_redirects=True)


def fetch(
    client: httpx2.Client,
    source: Source,
    target: Path,
    *,
    check: Callable[[Path], str | None] = lambda path: None,
    received: Callable[[int], None] = lambda count: None,
    wait: Callable[[float], None] = time.sleep,
) -> None:
    """Write what `source` names to `target`.

    What has arrived stays in `<target>.partial` until it is complete, and the next try, or the next call, asks for the
    rest alone, if the server's file is still the same. Broken connections, time-outs and overloaded servers are tried
    again with growing waits.

    Args:
        client: see `open_client`.
        source: the address and what is known of the file.
        target: where the file belongs.
        check: returns what is wrong with a received file, or None.
        received: called with the bytes of each piece, and with a negative number when they have to be fetched again.
        wait: called with the seconds to wait before another try.

    Raises:
        InputError: the address is dead, gives something else, or stays out of reach, with how to get the file by hand;
            or the disk is full.
    """
    partial = partial_of(target)
    with clear_disk_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        for turn in range(TRIES):
            try:
                _receive(client, source, target, received)
                break
            except (_TryAgain, httpx2.TransportError) as error:
                if turn == TRIES - 1:
                    raise InputError(_sentence(source, target, f"could not be reached ({_reason(error)})")) from None
                asked = getattr(error, "wait", None)
                wait(min(2.0**turn if asked is None else asked, LONGEST_WAIT))
        wrong = _mismatch(source, partial) or check(partial)
        if wrong:
            _forget(partial)
            raise InputError(_sentence(source, target, f"gave something else ({wrong})"))
        os.replace(partial, target)
        _tag(partial).unlink(missing_ok=True)


def partial_of(target: Path) -> Path:
    """Where a file's bytes are kept until it is complete."""
    return target.with_name(target.name + ".partial")


def _receive(client: httpx2.Client, source: Source, target: Path, received: Callable[[int], None]) -> None:
    """Send one request for what is missing. Raises _TryAgain, httpx2.TransportError or InputError."""
    partial = partial_of(target)
    tag, begun = _tag(partial), partial.stat().st_size if partial.is_file() else 0
    known = tag.read_text(encoding="utf-8") if tag.is_file() else ""
    if begun and begun == source.size:
        return
    headers = {"Range": f"bytes={begun}-", "If-Range": known} if begun and known else {}
    try:
        with client.stream("GET", source.url, headers=headers) as response:
            if response.status_code == 416:  # nothing after `begun`: all is here, or the file is another one now
                if response.headers.get("content-range") == f"bytes */{begun}":
                    return
                _forget(partial)
                raise _TryAgain("the file on the server has changed")
            _refuse(response, source, target)
            resumed = response.status_code == 206
            if resumed and not response.headers.get("content-range", "").startswith(f"bytes {begun}-"):
                _forget(partial)
                raise _TryAgain("the server sent another part than it was asked for")
            if begun and not resumed:
                received(-begun)
            tag.write_text(_validator(response), encoding="utf-8")
            with partial.open("ab" if resumed else "wb") as file:
                for piece in response.iter_raw():
                    file.write(piece)
                    received(len(piece))
    except (httpx2.InvalidURL, httpx2.UnsupportedProtocol) as error:
        raise InputError(f"{source.url!r} is not an address that can be fetched ({error}): correct it.") from None


def _refuse(response: httpx2.Response, source: Source, target: Path) -> None:
    if response.status_code in _PASSING:
        asked = response.headers.get("retry-after", "")
        raise _TryAgain(f"status {response.status_code}", float(asked) if asked.isdigit() else None)
    if response.status_code not in (200, 206):
        raise InputError(_sentence(source, target, f"answered with status {response.status_code}"))
    if response.headers.get("content-type", "").startswith("text/html"):
        raise InputError(_sentence(source, target, "answered with a web page instead of the file"))


def _validator(response: httpx2.Response) -> str:
    """What identifies the server's version of a file: a strong ETag, else its date; "" if it has neither."""
    etag = response.headers.get("etag", "")
    return etag if etag and not etag.startswith("W/") else response.headers.get("last-modified", "")


def _mismatch(source: Source, path: Path) -> str | None:
    size = path.stat().st_size
    if source.size is not None and size != source.size:
        return f"{size:,} bytes instead of {source.size:,}"
    if source.sha256 is not None:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != source.sha256:
            return f"SHA-256 {found[:12]}..., not {source.sha256[:12]}..."
    return None


def _sentence(source: Source, target: Path, what: str) -> str:
    return (
        f"{source.url} {what}: run this again later, or get {target.name} by hand from {source.by_hand}, put it at "
        f"{target}, and {source.then}."
    )


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__


def _forget(partial: Path) -> None:
    partial.unlink(missing_ok=True)
    _tag(partial).unlink(missing_ok=True)


def _tag(partial: Path) -> Path:
    return partial.with_name(partial.name + ".tag")
