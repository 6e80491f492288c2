"""One address, one verified file, from a server that can do everything wrong."""

import hashlib
import time

import httpx2
import pytest

from grisq.data.fetch import TRIES, Source, fetch, open_client
from grisq.runtime.errors import InputError

BODY = bytes(range(256)) * 4096  # one megabyte
SHA = hashlib.sha256(BODY).hexdigest()


@pytest.fixture
def got(server, tmp_path):
    """Fetch /file with what is known of it; returns the waits between the tries."""
    server.files["/file"] = BODY

    def run(**known):
        waits: list[float] = []
        source = Source(server.url + "/file", "the project's page", **known)
        with open_client() as client:
            fetch(client, source, tmp_path / "file", wait=waits.append)
        assert (tmp_path / "file").read_bytes() == server.files["/file"]
        assert [path.name for path in tmp_path.iterdir()] == ["file"]
        return waits

    return run


def cut(server, at, **headers):
    """Says that all of it comes, sends a part, and hangs up."""

    def behave(handler, turn):
        if turn:
            return False
        server.send(handler, server.files["/file"][:at], length=len(server.files["/file"]), **headers)
        handler.close_connection = True
        return True

    return behave


def test_a_whole_file_comes_in_one_request(server, got):
    assert got(size=len(BODY), sha256=SHA) == []
    assert server.requests("/file") == [None]


def test_a_broken_connection_goes_on_where_it_broke(server, got):
    tag = f'"{hash(BODY)}"'
    server.behave["/file"] = cut(server, 300_000, ETag=tag)
    assert got(sha256=SHA) == [1]
    first, second = server.requests("/file")
    assert first is None
    assert second == "bytes=300000-"


def test_the_next_call_goes_on_too(server, got, tmp_path):
    server.behave["/file"] = lambda handler, turn: cut(server, 1000, ETag=f'"{hash(BODY)}"')(handler, 0)
    with pytest.raises(InputError, match="could not be reached"):
        got(sha256=SHA)
    assert (tmp_path / "file.partial").stat().st_size == 1000
    assert not (tmp_path / "file").exists()
    del server.behave["/file"]
    got(sha256=SHA)
    assert server.requests("/file")[-1] == "bytes=1000-"


def test_without_a_validator_it_starts_again(server, got):
    server.behave["/file"] = cut(server, 300_000)
    got(sha256=SHA)
    assert server.requests("/file") == [None, None]


def test_a_server_that_knows_no_ranges_sends_it_all_again(server, got):
    server.behave["/file"], server.honors_range = cut(server, 300_000, ETag='"x"'), False
    got(sha256=SHA)


def test_a_file_that_changed_in_between_is_not_mixed_with_the_old_one(server, got):
    first = cut(server, 300_000, ETag=f'"{hash(BODY)}"')

    def behave(handler, turn):
        answered = first(handler, turn)
        server.files["/file"] = BODY[::-1]
        return answered

    server.behave["/file"] = behave
    got(sha256=hashlib.sha256(BODY[::-1]).hexdigest())


def test_a_part_other_than_asked_for_is_not_used(server, got):
    def behave(handler, turn):
        if turn == 0:
            return cut(server, 1000, ETag='"t"')(handler, 0)
        if turn == 1:
            return server.send(handler, BODY[5:], status=206, ETag='"t"', Content_Range="bytes 5-9/10")
        return False

    server.behave["/file"] = behave
    assert len(got(sha256=SHA)) == 2


def test_a_partial_file_that_is_already_whole_needs_no_byte(server, got, tmp_path):
    (tmp_path / "file.partial").write_bytes(BODY)
    (tmp_path / "file.partial.tag").write_text(f'"{hash(BODY)}"', encoding="utf-8")
    got(sha256=SHA)  # the server answers 416: nothing is left
    (tmp_path / "file").rename(tmp_path / "file.partial")
    got(size=len(BODY))
    assert len(server.seen) == 1


@pytest.mark.parametrize("status", [429, 500, 503])
def test_an_overloaded_server_is_asked_again(server, got, status):
    server.behave["/file"] = lambda handler, turn: turn < 2 and server.send(handler, b"", status=status)
    assert got() == [1, 2]


def test_the_server_says_how_long_to_wait_within_reason(server, got):
    asked = ["3", "100000"]
    server.behave["/file"] = lambda handler, turn: (
        turn < 2 and server.send(handler, b"", status=503, Retry_After=asked[turn])
    )
    assert got() == [3, 60]


def test_a_slow_server_is_waited_for(server, got):
    def dribble(handler, turn):
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(BODY)))
        handler.end_headers()
        for begin in range(0, len(BODY), len(BODY) // 8):
            handler.wfile.write(BODY[begin : begin + len(BODY) // 8])
            handler.wfile.flush()
            time.sleep(0.02)
        return True

    server.behave["/file"] = dribble
    assert got(sha256=SHA) == []


def test_a_silent_server_is_given_up_and_asked_again(server, got, monkeypatch):
    monkeypatch.setattr("grisq.data.fetch._TIMEOUT", httpx2.Timeout(0.2))
    server.behave["/file"] = lambda handler, turn: turn == 0 and not time.sleep(0.5)
    assert got(sha256=SHA) == [1]


@pytest.mark.parametrize("length", [len(BODY) - 5, 10])
def test_a_length_that_is_too_small_is_found_out(server, got, tmp_path, length):
    server.behave["/file"] = lambda handler, turn: server.send(handler, BODY[:length])
    with pytest.raises(InputError, match=f"{length:,} bytes instead of {len(BODY):,}"):
        got(size=len(BODY))
    assert not list(tmp_path.iterdir())


def test_a_length_that_is_too_large_ends_in_one_sentence(server, got):
    def behave(handler, turn):
        handler.close_connection = True
        return server.send(handler, BODY, length=len(BODY) + 5)

    server.behave["/file"] = behave
    with pytest.raises(InputError, match="could not be reached"):
        got()
    assert len(server.seen) == TRIES


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_dead_address_is_not_asked_again_and_tells_the_way_by_hand(server, got, tmp_path, status):
    server.behave["/file"] = lambda handler, turn: server.send(handler, b"", status=status)
    with pytest.raises(InputError) as error:
        got()
    assert f"status {status}" in str(error.value)
    assert "by hand from the project's page" in str(error.value)
    assert str(tmp_path / "file") in str(error.value)
    assert len(server.seen) == 1


def test_a_web_page_is_not_taken_for_the_file(server, got):
    server.behave["/file"] = lambda handler, turn: server.send(
        handler, b"<html>log in</html>", Content_Type="text/html; charset=utf-8"
    )
    with pytest.raises(InputError, match="a web page"):
        got()


def test_another_file_is_refused_and_not_kept(server, got, tmp_path):
    with pytest.raises(InputError, match="gave something else"):
        got(sha256="0" * 64)
    assert not list(tmp_path.iterdir())


def test_nobody_listens(tmp_path):
    source, waits = Source("http://127.0.0.1:9/file", "the page"), []
    with open_client() as client, pytest.raises(InputError, match="could not be reached"):
        fetch(client, source, tmp_path / "file", wait=waits.append)
    assert waits == [1, 2, 4, 8, 16]


@pytest.mark.parametrize("address", ["ftp://127.0.0.1/file", "no address", "file:///etc/passwd"])
def test_what_is_no_web_address_is_said(tmp_path, address):
    with open_client() as client, pytest.raises(InputError, match="not an address"):
        fetch(client, Source(address, "the page"), tmp_path / "file", wait=lambda seconds: None)
