"""Child processes with their descendants: seconds and peak memory."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass

import psutil

from tests.support.paths import ROOT


@dataclass(frozen=True)
class Finished:
    """A finished process: seconds, and peak memory with its descendants.

    Memory shared by several processes counts once (proportional set size).
    """

    seconds: float
    peak_bytes: int
    stdout: str


def child(arguments: list[str], watch: bool = False, **environment: str) -> Finished:
    """Run this Python with some arguments in the repository's root; RuntimeError where it fails."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    peak, ended = [0], threading.Event()
    watcher = threading.Thread(target=_watch, args=(process.pid, peak, ended))
    if watch:
        watcher.start()
    stdout, stderr = process.communicate()
    took = time.perf_counter() - began
    ended.set()
    if watch:
        watcher.join()
    if process.returncode != 0:
        raise RuntimeError("\n".join(stderr.splitlines()[-5:]))
    return Finished(took, peak[0], stdout)


def _watch(pid: int, peak: list[int], ended: threading.Event) -> None:
    while not ended.wait(0.1):
        peak[0] = max(peak[0], memory_bytes(pid))


def memory_bytes(pid: int) -> int:
    """Current memory of a process and its descendants."""
    total = 0
    try:
        root = psutil.Process(pid)
        for process in [root, *root.children(recursive=True)]:
            try:
                full = process.memory_full_info()
                total += getattr(full, "pss", full.uss)
            except psutil.Error:  # it has just ended
                continue
    except psutil.Error:
        return total
    return total
