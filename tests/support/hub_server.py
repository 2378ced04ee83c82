"""A hub on this machine: the part of the Hugging Face protocol that reading needs.

`HubServer(root)` serves `root/datasets/OWNER/NAME/` and `root/models/OWNER/NAME/` over HTTP on
127.0.0.1, every repository at one commit. Point `HF_ENDPOINT` at `server.url` in a subprocess: the
libraries read it when they are imported.

As at the real hub, large files are elsewhere: their address answers with their SHA-256 and size and
sends on to where their bytes are. The tag of a small file is that of its Git blob.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qs, quote, unquote, urlsplit

_API = re.compile(
    r"/api/(?P<kind>datasets|models)/(?P<repo>[^/]+/[^/]+)"
    r"(?:/(?P<what>revision|tree|paths-info|refs|auth-check)(?:/(?P<revision>[^/]+)(?:/(?P<path>.*))?)?)?"
)
_FILE = re.compile(
    r"(?:/(?P<kind>datasets))?/(?P<repo>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<path>.+)"
)


_STORED = re.compile(r"/stored(?P<file>/.+)")
_LARGE = (".safetensors", ".parquet", ".bin")


@dataclass
class Fault:
    """What goes wrong with requests for paths with an ending.

    Parameters
    ----------
    kind
        `cut` closes the connection after `sent_bytes` of the body, `corrupt` turns one bit of the
        body, `short` leaves out its end and says so, `silent` never answers, and a number is a
        status.
    times
        How often; always where None.
    retry_after
        Seconds, in the header of a status.
    """

    ending: str
    kind: Literal["cut", "corrupt", "short", "silent"] | int
    times: int | None = None
    method: str = "GET"
    sent_bytes: int = 0
    retry_after: int | None = None


@dataclass(frozen=True)
class Request:
    """One request that was answered."""

    method: str
    path: str
    status: int
    sent_bytes: int
    authorization: str


@dataclass
class HubServer:
    """Serve the repositories below `root` until the context ends.

    Parameters
    ----------
    gated
        Repositories whose files are refused to requests without the token `open-sesame`.
    faults
        The first that fits a request befalls it.
    requests
        What was asked, in order.
    """

    root: Path
    gated: set[str] = field(default_factory=set)
    faults: list[Fault] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)

    def __enter__(self) -> HubServer:
        hub = self

        class Handler(_Handler):
            server_hub = hub

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.ended = threading.Event()
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}
        )
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def environment(self, home: Path, token: str | None = None) -> dict[str, str]:
        """The environment of a process that knows this hub only, with an empty cache."""
        cleared = {key: value for key, value in os.environ.items() if not key.startswith("HF_")}
        settings = {
            "HF_ENDPOINT": self.url,
            "HF_HOME": str(home),
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_DISABLE_XET": "1",
            "NO_PROXY": "127.0.0.1,localhost",
            "OMP_NUM_THREADS": "1",
        }
        return cleared | settings | ({"HF_TOKEN": token} if token else {})

    def sha(self, repo: str) -> str:
        """The commit of a repository; every repository has one."""
        return hashlib.sha1(repo.encode()).hexdigest()

    def fault(self, method: str, path: str) -> Fault | None:
        """What is to go wrong with a request."""
        for fault in self.faults:
            if fault.method == method and path.endswith(fault.ending) and fault.times != 0:
                if fault.times is not None:
                    fault.times -= 1
                return fault
        return None

    def sent_bytes(self, suffix: str) -> int:
        """Bytes sent of files with a suffix."""
        return sum(one.sent_bytes for one in self.requests if one.path.endswith(suffix))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    _fault: Fault | None = None
    server_hub: HubServer

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = unquote(urlsplit(self.path).path)
        self._fault = self.server_hub.fault(self.command, path)
        if self._fault is not None and self._fault.kind == "silent":
            self.server_hub.ended.wait()
            self.close_connection = True
        elif self._fault is not None and isinstance(self._fault.kind, int):
            wait = self._fault.retry_after
            self._send(self._fault.kind, b"{}", {} if wait is None else {"Retry-After": str(wait)})
        elif found := _API.fullmatch(path):
            self._answer_api(found, body)
        elif found := _STORED.fullmatch(path):
            self._answer_stored(self.server_hub.root / found["file"].lstrip("/"))
        elif found := _FILE.fullmatch(path):
            self._answer_file(found)
        else:
            self._send(404, b'{"error": "no such page"}')

    def _folder(self, found: re.Match[str]) -> Path | None:
        """The repository's folder, or None once it is refused."""
        repo, revision = found["repo"], found["revision"]
        folder = self.server_hub.root / (found["kind"] or "models") / repo
        if not folder.is_dir():
            # The hub does not say whether a repository that one may not see exists.
            self._send(401, b'{"error": "Repository not found"}', {"X-Error-Code": "RepoNotFound"})
            return None
        if revision not in (None, "main", self.server_hub.sha(repo)):
            error = {"X-Error-Code": "RevisionNotFound"}
            self._send(404, b'{"error": "Revision not found"}', error)
            return None
        return folder

    def _is_gated(self, repo: str) -> bool:
        """Whether the request has no right to the repository's files; it is then refused."""
        known = self.headers.get("Authorization") == "Bearer open-sesame"
        if repo not in self.server_hub.gated or known:
            return False
        error = {"X-Error-Code": "GatedRepo", "X-Error-Message": "Access is restricted"}
        status = 403 if "Authorization" in self.headers else 401
        self._send(status, b'{"error": "Access is restricted"}', error)
        return True

    def _answer_api(self, found: re.Match[str], body: bytes) -> None:
        folder = self._folder(found)
        if folder is None:
            return
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        if found["what"] in (None, "revision"):
            self._send_json(self._about(found, folder, files))
        elif found["what"] == "tree":
            below = folder / (found["path"] or "")
            recursive = parse_qs(urlsplit(self.path).query).get("recursive", ["False"])[0]
            entries = below.rglob("*") if recursive.lower() in ("true", "1") else below.glob("*")
            if below.is_dir():
                self._send_json([_entry(folder, path) for path in sorted(entries)])
            else:
                self._send(404, b"{}", {"X-Error-Code": "EntryNotFound"})
        elif found["what"] == "paths-info":
            if self.headers.get("Content-Type", "").startswith("application/json"):
                wanted = json.loads(body)["paths"]
            else:
                wanted = parse_qs(body.decode())["paths"]
            there = [folder / name for name in wanted if (folder / name).exists()]
            self._send_json([_entry(folder, path) for path in there if path != folder])
        elif found["what"] == "auth-check":
            if not self._is_gated(found["repo"]):
                self._send_json({})
        else:
            main = {"name": "main", "ref": "refs/heads/main"}
            main["targetCommit"] = self.server_hub.sha(found["repo"])
            self._send_json({"branches": [main], "tags": [], "converts": []})

    def _about(self, found: re.Match[str], folder: Path, files: list[Path]) -> dict[str, Any]:
        return {
            "id": found["repo"],
            "sha": self.server_hub.sha(found["repo"]),
            "private": False,
            "gated": "auto" if found["repo"] in self.server_hub.gated else False,
            "disabled": False,
            "tags": [],
            "downloads": 0,
            "likes": 0,
            "siblings": [{"rfilename": path.relative_to(folder).as_posix()} for path in files],
        }

    def _answer_file(self, found: re.Match[str]) -> None:
        folder = self._folder(found)
        if folder is None:
            return
        if self._is_gated(found["repo"]):
            return
        path = folder / found["path"]
        if not path.is_file():
            self._send(404, b"{}", {"X-Error-Code": "EntryNotFound"})
            return
        commit = {"X-Repo-Commit": self.server_hub.sha(found["repo"])}
        if not path.name.endswith(_LARGE):
            self._answer_stored(path, commit)
            return
        content = path.read_bytes()
        linked = {
            "X-Linked-Etag": f'"{hashlib.sha256(content).hexdigest()}"',
            "X-Linked-Size": str(len(content)),
        }
        below = quote(path.relative_to(self.server_hub.root).as_posix())
        # By another name of this machine: the client follows the hub's own addresses by itself.
        place = {
            "Location": f"{self.server_hub.url.replace('127.0.0.1', 'localhost')}/stored/{below}"
        }
        self._send(302, b"", commit | linked | place)

    def _answer_stored(self, path: Path, about: dict[str, str] | None = None) -> None:
        content = path.read_bytes()
        headers = {
            "ETag": f'"{_blob(content)}"',
            "Accept-Ranges": "bytes",
            "Content-Type": "application/octet-stream",
            **(about or {}),
        }
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if wanted is None:
            self._send(200, content, headers)
            return
        first = int(wanted[1])
        last = min(int(wanted[2] or len(content)), len(content) - 1)
        headers["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
        self._send(206, content[first : last + 1], headers)

    def _send_json(self, value: object) -> None:
        self._send(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        if self._fault is not None and self._fault.kind == "short":
            body = body[:-1]
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        sent = b"" if self.command == "HEAD" else body
        if self._fault is not None and self._fault.kind == "cut":
            sent = body[: self._fault.sent_bytes]
            self.close_connection = True
        elif self._fault is not None and self._fault.kind == "corrupt" and sent:
            sent = body[:-1] + bytes([body[-1] ^ 1])
        path = urlsplit(self.path).path
        authorization = self.headers.get("Authorization", "")
        self.server_hub.requests.append(
            Request(self.command, path, status, len(sent), authorization)
        )
        self.wfile.write(sent)


def _entry(folder: Path, path: Path) -> dict[str, object]:
    name = path.relative_to(folder).as_posix()
    if path.is_dir():
        return {"type": "directory", "path": name, "oid": "0" * 40, "size": 0}
    content = path.read_bytes()
    return {"type": "file", "path": name, "size": len(content), "oid": _blob(content)}


def _blob(content: bytes) -> str:
    """The id that Git gives to a file's content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
