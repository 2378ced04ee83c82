"""Clips to look at and listen to: spectrogram and audio, as bytes.

The files were written by the run, under `examples/` of its directory: `examples.json` (a list of
model, condition, clip_id, label, score, audio, spectrogram) and the files that it names.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from scipy.special import expit

from harness.errors import UsageError
from harness.results.record import read_record
from harness.storage.storage import is_remote, read

AUDIO_TYPES = {
    ".flac": "audio/flac",
    ".wav": "audio/wav",
    ".mp3": "audio/mpeg",
    ".ogg": "audio/ogg",
}


@dataclass(frozen=True)
class Example:
    """One scored clip, as the detector received it.

    Parameters
    ----------
    score
        Log-odds of fake.
    words
        The condition, for people.
    audio_type
        Media type of `audio`.
    """

    model: str
    condition: str
    clip_id: str
    label: str
    score: float
    words: str
    audio: bytes = field(repr=False)
    audio_type: str
    spectrogram_png: bytes = field(repr=False)

    @property
    def key(self) -> tuple[str, str, str]:
        """Model, condition and clip."""
        return self.model, self.condition, self.clip_id

    @property
    def p_fake(self) -> float:
        """The logistic function of the score."""
        return float(expit(self.score))


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True)

    model: str
    condition: str
    clip_id: str
    label: str
    score: float
    audio: str
    spectrogram: str


_ENTRIES = TypeAdapter(list[_Entry])


def read_examples(run: Path) -> list[Example]:
    """Read the examples of a run directory, in its order; a run without any gives none.

    Raises
    ------
    UsageError
        Where the list is damaged, or names a file that is missing, is of an unknown type, or lies
        elsewhere.
    """
    folder = run / "examples"
    path = folder / "examples.json"
    try:
        entries = _ENTRIES.validate_python(json.loads(read(path)))
    except FileNotFoundError:
        return []
    except (ValueError, ValidationError) as fault:
        raise UsageError("a damaged list of examples", str(path), "run again") from fault
    words = {c.name: c.words for c in read_record(run).suite.conditions}
    return [
        _example(folder, entry, words.get(entry.condition, entry.condition)) for entry in entries
    ]


def _example(folder: Path, entry: _Entry, words: str) -> Example:
    suffix = Path(entry.audio).suffix.lower()
    if suffix not in AUDIO_TYPES:
        raise UsageError(
            "audio of an unknown type",
            str(folder / entry.audio),
            f"one of {', '.join(AUDIO_TYPES)}",
        )
    return Example(
        **entry.model_dump(exclude={"audio", "spectrogram"}),
        words=words,
        audio=_read(folder, entry.audio),
        audio_type=AUDIO_TYPES[suffix],
        spectrogram_png=_read(folder, entry.spectrogram),
    )


def _read(folder: Path, name: str) -> bytes:
    # The list is data from a run directory, which people hand around: it may name no other place.
    path = folder / name
    if Path(name).name != name or (not is_remote(path) and path.is_symlink()):
        raise UsageError("not a file of the examples", str(path), "run again")
    try:
        return read(path)
    except OSError as fault:
        raise UsageError("cannot be read", str(path), "run again") from fault
