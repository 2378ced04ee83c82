"""Recordings, recognised by their file names."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

_SUFFIXES = """
    wav wave w64 rf64 aif aiff aifc au snd caf sph flac mp2 mp3 ogg oga opus spx webm mka wma ac3
    m4a mp4 aac 3gp amr awb gsm
"""
AUDIO_SUFFIXES = frozenset(f".{suffix}" for suffix in _SUFFIXES.split())
"""Suffixes of recordings, in lower case."""
_SYSTEM_NAMES = frozenset({"__MACOSX", "Thumbs.db", "desktop.ini"})


def is_audio(path: Path) -> bool:
    """Whether a file is named like a recording; hidden files, as macOS adds them, are not."""
    return path.suffix.lower() in AUDIO_SUFFIXES and not path.name.startswith(".")


def is_hidden(name: str) -> bool:
    """Whether a relative path belongs to an operating system: hidden, or in a hidden folder.

    macOS adds `__MACOSX` to archives, Synology's disks keep `@eaDir` beside files.
    """
    parts = PurePosixPath(name).parts
    return any(part.startswith((".", "@eaDir")) for part in parts) or not _SYSTEM_NAMES.isdisjoint(
        parts
    )
