"""Which files of a folder are recordings, by their names alone."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

_SUFFIXES = """
    wav wave w64 rf64 aif aiff aifc au snd caf sph flac mp2 mp3 ogg oga opus spx webm mka wma ac3
    m4a mp4 aac 3gp amr awb gsm
"""
AUDIO_SUFFIXES = frozenset(f".{suffix}" for suffix in _SUFFIXES.split())
"""Lower case; a file with another suffix is not taken for a recording."""
_OF_SYSTEMS = frozenset({"__MACOSX", "Thumbs.db", "desktop.ini"})


def is_audio(path: Path) -> bool:
    """Judged by the name; hidden files, such as those that macOS adds, are not audio."""
    return path.suffix.lower() in AUDIO_SUFFIXES and not path.name.startswith(".")


def is_hidden(name: str) -> bool:
    """Whether a path below some root is a system's own: hidden, or in a folder that is.

    `__MACOSX` is what macOS adds to archives, `@eaDir` what Synology's disks keep beside files.
    """
    parts = PurePosixPath(name).parts
    return any(part.startswith((".", "@eaDir")) for part in parts) or not _OF_SYSTEMS.isdisjoint(
        parts
    )
