"""Perturbations, one file a family. All lists of their names are derived from `PERTURBATIONS`."""

from __future__ import annotations

from harness.perturb.channel import BitErrors, Jitter, PacketLoss
from harness.perturb.codec import Codec
from harness.perturb.duration import Crop, Pad, Trim
from harness.perturb.filtering import Filter
from harness.perturb.level import DC, Compress, Gain, Loudness, Overdrive
from harness.perturb.noise import Noise
from harness.perturb.perturbation import Axis, Draw, Perturbation
from harness.perturb.resampling import Resample
from harness.perturb.room import Reverb
from harness.perturb.time import Pitch, Speed, Tempo

PERTURBATIONS: dict[str, type[Perturbation]] = {
    "codec": Codec,
    "noise": Noise,
    "crop": Crop,
    "pad": Pad,
    "trim": Trim,
    "resample": Resample,
    "gain": Gain,
    "clip": Overdrive,
    "dc": DC,
    "compress": Compress,
    "loudness": Loudness,
    "filter": Filter,
    "speed": Speed,
    "tempo": Tempo,
    "pitch": Pitch,
    "reverb": Reverb,
    "packet_loss": PacketLoss,
    "jitter": Jitter,
    "bit_errors": BitErrors,
}

__all__ = ["PERTURBATIONS", "Axis", "Draw", "Perturbation"]
