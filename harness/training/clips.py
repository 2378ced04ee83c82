"""Training data: clips split by group, and the draws from them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
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
"""Length of a frame of the AST extractor."""
_KEPT_BYTES = 2**30

Augment = Callable[[Wave, np.random.Generator], Wave]


class LabeledWave(NamedTuple):
    """Audio at the model's rate, and its class by `ID_TO_LABEL`."""

    wave: Wave
    label: int


def split(
    clips: Sequence[Clip], validation_share: float, val_samples: int, seed: int
) -> tuple[list[Clip], list[Clip]]:
    """Training and validation clips: whole groups, and both classes on either side.

    Groups of real clips, of fake clips and of both are drawn separately, each by its share.

    Raises
    ------
    UsageError
        Where a class has clips of a single group, which can only be on one side.
    """
    labels: dict[str, set[str]] = {}
    for clip in clips:
        labels.setdefault(clip.group, set()).add(clip.label)
    if len(labels) < 2:
        raise UsageError("fewer than two groups", "--data", "name speakers or groups in the data")
    for label in LABEL_TO_ID:
        count = sum(label in classes for classes in labels.values())
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
"""Kinds of groups, by the classes of their clips."""


def _needed(both: list[str], real: list[str], fake: list[str]) -> list[tuple[int, int]]:
    """Fewest groups of each kind for validation and training, so that both have both classes."""
    if len(both) > 1:
        return [(1, 1), (0, 0), (0, 0)]
    if not both:
        return [(0, 0), (1, 1), (1, 1)]
    if len(real) > 1 and len(fake) > 1:  # a group of both may then go to either side
        return [(0, 0), (1, 1), (1, 1)]
    return [(1, 0), (0, 1), (0, 1)]


def distinct(clips: Sequence[Clip]) -> list[Clip]:
    """The clips without duplicates, so that no recording is on both sides of a split.

    Raises
    ------
    UsageError
        Where a recording has both labels, or two clips have the same id.
    """
    refuse_twins(clips, "--data")
    by_id = {clip.clip_id: clip for clip in clips}
    if len(by_id) < len(clips):
        raise UsageError("two clips have the same id", "--data", "give each its own")
    spare = {twin.clip_id for group in twins(clips) for twin in group[1:]}
    return [clip for clip in clips if clip.clip_id not in spare]


class Decoder:
    """Decodes clips at one rate; keeps up to a gigabyte of waves in memory."""

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._waves: dict[str, Wave] = {}
        self._bytes = 0

    def decode(self, clip: Clip) -> LabeledWave:
        """Return the clip's audio and class.

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
        return LabeledWave(wave, LABEL_TO_ID[clip.label])


class ValidationSet(Dataset[LabeledWave]):
    """Whole clips; those that cannot be decoded are left out and named in `rejected`."""

    def __init__(self, clips: Sequence[Clip], decoder: Decoder) -> None:
        self._decoder = decoder
        self.rejected: set[str] = set()
        for clip in clips:
            try:
                decoder.decode(clip)
            except CLIP_FAULTS:
                self.rejected.add(clip.clip_id)
        self._clips = [clip for clip in clips if clip.clip_id not in self.rejected]
        self.labels = {clip.label for clip in self._clips}

    def __len__(self) -> int:
        return len(self._clips)

    def __getitem__(self, index: int) -> LabeledWave:
        return self._decoder.decode(self._clips[index])


@dataclass(eq=False)
class TrainingSet(Dataset[LabeledWave]):
    """Every draw of a whole training: draw i is a function of (clips, seed, i) alone.

    Each epoch goes through all clips in an order of its own. Clips that cannot be decoded are named
    in `rejected`, and the next ones in order stand in for them.
    """

    clips: Sequence[Clip]
    decoder: Decoder
    count: int
    """Draws in the whole training."""
    seed: int
    crop_s: tuple[float, float] | None = None
    """Shortest and longest random crop, in seconds; None draws whole clips."""
    augment: Augment | None = None
    """Applied after the crop."""
    rejected: set[str] = field(default_factory=set[str])
    used: dict[str, str] = field(default_factory=dict[str, str])
    """Labels of the drawn clips, by id."""

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> LabeledWave:
        wave, label = self._decodable(index)
        rng = generator("training draw", self.seed, index)
        if self.crop_s is not None:
            wave = crop(wave, self.crop_s, rng)
        if self.augment is not None:
            wave = self.augment(wave, rng)
        return LabeledWave(wave, label)

    def _decodable(self, index: int) -> LabeledWave:
        epoch, place = divmod(index, len(self.clips))
        order = generator("training order", self.seed, epoch).permutation(len(self.clips))
        for chosen in np.roll(order, -place):
            clip = self.clips[chosen]
            try:
                example = self.decoder.decode(clip)
            except CLIP_FAULTS:
                self.rejected.add(clip.clip_id)
                continue
            self.used[clip.clip_id] = clip.label
            return example
        raise UsageError("no clip can be decoded", "--data", "check the files")


def crop(wave: Wave, crop_s: tuple[float, float], rng: np.random.Generator) -> Wave:
    """A random part of log-uniform length between the bounds; shorter clips stay whole."""
    length = round(float(np.exp(rng.uniform(*np.log(crop_s)))) * wave.rate_hz)
    if length >= len(wave.samples):
        return wave
    start = int(rng.integers(len(wave.samples) - length + 1))
    return Wave(wave.samples[start : start + length], wave.rate_hz)
