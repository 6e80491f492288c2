"""An HTTP server on loopback that can misbehave: what a download meets sooner or later."""

import threading
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

import pytest


class Server:
    """files: path -> bytes; behave: path -> a function of the handler and the number of earlier requests for the path
    that answers and returns True, or returns False; seen: (path, Range header or None) of every request.
    """

    def __init__(self):
        self.files, self.seen, self.turns, self.url = {}, [], Counter(), ""
        self.behave: dict[str, Callable[[BaseHTTPRequestHandler, int], bool]] = {}
        self.honors_range = True

    def requests(self, path: str) -> list[str | None]:
        return [asked for name, asked in self.seen if name == path]

    @staticmethod
    def send(handler: BaseHTTPRequestHandler, body: bytes, *, status: int = 200, length: int | None = None, **headers):
        """Answer with a body; `length`: what is said of it, true or not."""
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body) if length is None else length))
        handler.end_headers()
        handler.wfile.write(body)
        return True


@pytest.fixture
def server():
    """A server without files, for the time of a test."""
    server = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            path = unquote(self.path)
            asked = self.headers.get("Range")
            server.seen.append((path, asked))
            turn, server.turns[path] = server.turns[path], server.turns[path] + 1
            if path in server.behave and server.behave[path](self, turn):
                return
            if path not in server.files:
                self.send_error(404)
                return
            whole = server.files[path]
            tag = f'"{hash(whole)}"'
            if asked and server.honors_range and self.headers.get("If-Range") == tag:
                begun = int(asked.removeprefix("bytes=").removesuffix("-"))
                if begun >= len(whole):
                    server.send(self, b"", status=416, Content_Range=f"bytes */{len(whole)}")
                else:
                    part = f"bytes {begun}-{len(whole) - 1}/{len(whole)}"
                    server.send(self, whole[begun:], status=206, ETag=tag, Content_Range=part)
            else:
                server.send(self, whole, ETag=tag)

        def log_message(self, *args):
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    server.url = f"http://127.0.0.1:{http.server_port}"
    yield server
    http.shutdown()
    http.server_close()
