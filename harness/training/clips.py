"""What a model trains on: clips split by group, and the endless stream of draws from them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from torch.utils.data import Dataset

from harness.audio.wave import Wave, load, resample
from harness.data.clip import Clip
from harness.data.duplicates import refuse_twins, twins
from harness.data.subset import allocate, stratified
from harness.errors import CLIP_FAULTS, ClipRejected, UsageError
from harness.seed import generator

ID_TO_LABEL = {0: "fake", 1: "real"}
LABEL_TO_ID = {label: index for index, label in ID_TO_LABEL.items()}

_SHORTEST_S = 0.025
"""One frame of the AST extractor."""
_KEPT_BYTES = 2**30

Augment = Callable[[Wave, np.random.Generator], Wave]


class Example(NamedTuple):
    """Sound at the model's rate, and its class by `ID_TO_LABEL`."""

    wave: Wave
    label: int


def split(
    clips: Sequence[Clip], validation_share: float, val_samples: int, seed: int
) -> tuple[list[Clip], list[Clip]]:
    """Training and validation clips: whole groups and both classes on either side.

    Groups of real clips, of fake ones and of both are drawn apart, each by its share.

    Raises
    ------
    UsageError
        Where a class has clips of one group alone, which can be on one side only.
    """
    labels: dict[str, set[str]] = {}
    for clip in clips:
        labels.setdefault(clip.group, set()).add(clip.label)
    if len(labels) < 2:
        raise UsageError("fewer than two groups", "--data", "name speakers or groups in the data")
    for label in LABEL_TO_ID:
        count = sum(label in each for each in labels.values())
        if count < 2:
            raise UsageError(
                f"{label} clips come from {count} group{'s' * (count != 1)}: training and "
                "validation need one each",
                "--data",
                f"add {label} clips of other speakers",
            )
    rng = generator("training split", seed)
    order: list[str] = rng.permutation(sorted(labels)).tolist()
    kinds = [[name for name in order if labels[name] == kind] for kind in _KINDS]
    count = min(max(1, round(validation_share * len(order))), len(order) - 1)
    kept: set[str] = set()
    shares = allocate([len(kind) for kind in kinds], count)
    for kind, share, (least, left) in zip(kinds, shares, _needed(*kinds), strict=True):
        kept |= set(kind[: min(max(share, least), len(kind) - left)])
    training = [clip for clip in clips if clip.group not in kept]
    validation = [clip for clip in clips if clip.group in kept]
    if len(validation) > val_samples:
        validation = [validation[place] for place in stratified(validation, val_samples, seed)]
    return training, validation


_KINDS = ({"real", "fake"}, {"real"}, {"fake"})
"""Of groups, by the classes of their clips."""


def _needed(both: list[str], real: list[str], fake: list[str]) -> list[tuple[int, int]]:
    """How many groups of each kind validation and training need, for both classes on both sides."""
    if len(both) > 1:
        return [(1, 1), (0, 0), (0, 0)]
    if not both:
        return [(0, 0), (1, 1), (1, 1)]
    if len(real) > 1 and len(fake) > 1:  # the group of both then goes where its share is
        return [(0, 0), (1, 1), (1, 1)]
    return [(1, 0), (0, 1), (0, 1)]


def distinct(clips: Sequence[Clip]) -> list[Clip]:
    """The clips, of those with the same bytes the first: no recording is on both sides of a split.

    Raises
    ------
    UsageError
        Where a recording is of both classes, or two clips have one id.
    """
    refuse_twins(clips, "--data")
    by_id = {clip.clip_id: clip for clip in clips}
    if len(by_id) < len(clips):
        raise UsageError("two clips have the same id", "--data", "give each its own")
    spare = {twin.clip_id for group in twins(clips) for twin in group[1:]}
    return [clip for clip in clips if clip.clip_id not in spare]


class Shelf:
    """Decoded waves at one rate; the first gigabyte of them is kept in memory."""

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._waves: dict[str, Wave] = {}
        self._bytes = 0

    def take(self, clip: Clip) -> Example:
        """The clip, decoded.

        Raises
        ------
        ClipRejected
            Where it cannot be decoded or is too short for one frame.
        """
        wave = self._waves.get(clip.clip_id)
        if wave is None:
            wave = resample(load(clip.audio), self._rate_hz)
            if wave.seconds < _SHORTEST_S:
                raise ClipRejected(f"{wave.seconds:.3f} s are less than one frame")
            if self._bytes + wave.samples.nbytes <= _KEPT_BYTES:
                self._waves[clip.clip_id] = wave
                self._bytes += wave.samples.nbytes
        return Example(wave, LABEL_TO_ID[clip.label])


class Whole(Dataset[Example]):
    """Clips as they are; those that cannot be decoded are left out and named in `rejected`."""

    def __init__(self, clips: Sequence[Clip], shelf: Shelf) -> None:
        self._shelf = shelf
        self.rejected: set[str] = set()
        for clip in clips:
            try:
                shelf.take(clip)
            except CLIP_FAULTS:
                self.rejected.add(clip.clip_id)
        self._clips = [clip for clip in clips if clip.clip_id not in self.rejected]
        self.labels = {clip.label for clip in self._clips}

    def __len__(self) -> int:
        return len(self._clips)

    def __getitem__(self, index: int) -> Example:
        return self._shelf.take(self._clips[index])


@dataclass(frozen=True)
class Draws:
    """How a stream draws."""

    count: int
    """Draws in the whole training."""
    seed: int
    crop_s: tuple[float, float] | None = None
    """Shortest and longest random crop, in seconds; None draws whole clips."""
    augment: Augment | None = None
    """Applied after the crop."""


class Stream(Dataset[Example]):
    """Every draw of a whole training: draw i is a function of (clips, seed, i) alone.

    Each epoch goes through all clips in an order of its own. A clip that cannot be decoded is
    named in `rejected` and the next one of the order stands in for it. What was drawn is in `used`,
    by its id, with its label.
    """

    def __init__(self, clips: Sequence[Clip], shelf: Shelf, draws: Draws) -> None:
        self._clips, self._shelf, self._draws = clips, shelf, draws
        self.rejected: set[str] = set()
        self.used: dict[str, str] = {}

    def __len__(self) -> int:
        return self._draws.count

    def __getitem__(self, index: int) -> Example:
        draws = self._draws
        example = self._readable(index)
        rng = generator("training draw", draws.seed, index)
        wave = example.wave
        if draws.crop_s is not None:
            wave = crop(wave, draws.crop_s, rng)
        if draws.augment is not None:
            wave = draws.augment(wave, rng)
        return Example(wave, example.label)

    def _readable(self, index: int) -> Example:
        epoch, place = divmod(index, len(self._clips))
        order = generator("training order", self._draws.seed, epoch).permutation(len(self._clips))
        for chosen in np.roll(order, -place):
            clip = self._clips[chosen]
            try:
                example = self._shelf.take(clip)
            except CLIP_FAULTS:
                self.rejected.add(clip.clip_id)
                continue
            self.used[clip.clip_id] = clip.label
            return example
        raise UsageError("no clip can be decoded", "--data", "check the files")


def crop(wave: Wave, crop_s: tuple[float, float], rng: np.random.Generator) -> Wave:
    """A random part, its length log-uniform between the bounds; shorter clips stay whole."""
    length = round(float(np.exp(rng.uniform(*np.log(crop_s)))) * wave.rate_hz)
    if length >= len(wave.samples):
        return wave
    start = int(rng.integers(len(wave.samples) - length + 1))
    return Wave(wave.samples[start : start + length], wave.rate_hz)
