"""Common practice as contenders: the loop of a model card, ffmpeg, audiomentations.

As fast as such code usually is: the model is loaded once, files are read once a clip, filters and
transforms are made once.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
import torchaudio
from numpy.typing import NDArray

Samples = NDArray[np.float32]


class CardLoop:
    """The usage code of the first target's card: one clip at a time, from file to probabilities."""

    def __init__(self, folder: Path, device: str = "cpu", dtype: torch.dtype | None = None) -> None:
        from transformers import AutoFeatureExtractor, AutoModelForAudioClassification

        self.extractor = AutoFeatureExtractor.from_pretrained(folder)
        model = AutoModelForAudioClassification.from_pretrained(folder).eval()
        self.model = model.to(device=device, dtype=dtype)
        self.device, self.dtype = device, dtype
        self.fake = next(i for i, name in model.config.id2label.items() if name.lower() == "fake")

    def score_file(self, path: Path) -> float:
        samples, rate_hz = read(path)
        return self.score(samples, rate_hz)

    def score(self, samples: Samples, rate_hz: int) -> float:
        """Probability of fake."""
        waveform = torch.from_numpy(samples)
        if rate_hz != 16000:
            waveform = torchaudio.transforms.Resample(rate_hz, 16000)(waveform)
        inputs = self.extractor(waveform.numpy(), sampling_rate=16000, return_tensors="pt")
        inputs = {name: each.to(self.device, self.dtype) for name, each in inputs.items()}
        with torch.no_grad():
            logits = self.model(**inputs).logits
        return float(torch.softmax(logits.float(), dim=-1)[0, self.fake])


def read(path: Path) -> tuple[Samples, int]:
    samples, rate_hz = soundfile.read(path, dtype="float32")
    return (samples.mean(axis=1) if samples.ndim > 1 else samples), rate_hz


def pipeline_scores(pipe: Any, paths: Sequence[Path], batch_size: int) -> list[float]:
    """Probability of fake of every file, by `transformers.pipeline`.

    It gets samples and their rate, because it would start an ffmpeg process for a file.
    """

    def inputs() -> Iterator[dict[str, Any]]:
        for path in paths:
            samples, rate_hz = read(path)
            yield {"raw": samples, "sampling_rate": rate_hz}

    answers = pipe(inputs(), batch_size=batch_size, top_k=None)
    return [
        next(one["score"] for one in each if one["label"].lower() == "fake") for each in answers
    ]


def make_pipeline(folder: Path) -> Any:
    from transformers import pipeline

    return pipeline("audio-classification", model=str(folder), device="cpu")


@cache
def ffmpeg() -> str | None:
    """The binary on the path, or else that of the package imageio-ffmpeg."""
    found = shutil.which("ffmpeg")
    if found is None:
        try:
            import imageio_ffmpeg

            found = imageio_ffmpeg.get_ffmpeg_exe()
        except (ImportError, RuntimeError):
            return None
    return found


def ffmpeg_version() -> str:
    """`ffmpeg version 7.1`."""
    done = subprocess.run([str(ffmpeg()), "-version"], stdout=subprocess.PIPE, text=True)
    return " ".join(done.stdout.split()[:3])


NO_FFMPEG = "no ffmpeg on the path and no imageio-ffmpeg"


@dataclass(frozen=True)
class Encoding:
    """A codec on ffmpeg's command line: file suffix and encoder arguments."""

    suffix: str
    arguments: tuple[str, ...]


ENCODINGS = {
    "mp3": Encoding("mp3", ("-c:a", "libmp3lame")),
    "aac": Encoding("m4a", ("-c:a", "aac")),
    "vorbis": Encoding("ogg", ("-c:a", "libvorbis")),
    "opus": Encoding("opus", ("-c:a", "libopus", "-application", "voip")),
    "amr-nb": Encoding("amr", ("-c:a", "libopencore_amrnb", "-ar", "8000")),
    "g711-alaw": Encoding("wav", ("-c:a", "pcm_alaw", "-ar", "8000")),
    "g711-mulaw": Encoding("wav", ("-c:a", "pcm_mulaw", "-ar", "8000")),
    "g722": Encoding("wav", ("-c:a", "g722", "-ar", "16000")),
    "sbc": Encoding("sbc", ("-c:a", "sbc", "-ar", "16000")),
}
_FIXED_RATE = ("g711-alaw", "g711-mulaw", "g722")


def encoding(codec: str, kbps: float | None) -> Encoding:
    """The arguments for a codec at a bit rate."""
    base = ENCODINGS[codec]
    if kbps is None or codec in _FIXED_RATE:
        return base
    return Encoding(base.suffix, (*base.arguments, "-b:a", f"{kbps:g}k"))


def through_ffmpeg(samples: Samples, rate_hz: int, how: Encoding, folder: Path) -> Samples:
    """Encode to a file and decode it by two ffmpeg processes, with a pipe each."""
    coded = folder / f"coded.{how.suffix}"
    raw = ["-f", "f32le", "-ar", str(rate_hz), "-ac", "1"]
    command = [str(ffmpeg()), "-v", "error", "-nostdin", "-y"]
    subprocess.run(
        [*command, *raw, "-i", "pipe:0", *how.arguments, str(coded)],
        input=samples.tobytes(),
        check=True,
    )
    done = subprocess.run(
        [*command, "-i", str(coded), *raw, "pipe:1"], stdout=subprocess.PIPE, check=True
    )
    return np.frombuffer(done.stdout, np.float32).copy()


Transform = Callable[[Samples, int], tuple[Samples, int]]


def transforms() -> dict[str, Transform]:
    """What audiomentations has for conditions of the release suite, by their names."""
    import audiomentations as a

    def keep(transform: Any) -> Transform:
        return lambda samples, rate_hz: (transform(samples, rate_hz), rate_hz)

    def resampled(to_hz: int) -> Transform:
        down = a.Resample(to_hz, to_hz, p=1.0)

        def apply(samples: Samples, rate_hz: int) -> tuple[Samples, int]:
            return down(samples, rate_hz), to_hz  # the transform keeps the new rate to itself

        return apply

    def cropped(length_s: float) -> Transform:
        crop = a.AdjustDuration(duration_seconds=length_s, padding_mode="silence", p=1.0)
        return keep(crop)

    def noise(snr_db: float, decay_db: float) -> Transform:
        return keep(a.AddColorNoise(snr_db, snr_db, decay_db, decay_db, p=1.0))

    def pitch(semitones: float) -> Transform:
        return keep(a.PitchShift(semitones, semitones, p=1.0))

    def low_pass(cutoff_hz: float) -> Transform:
        return keep(a.LowPassFilter(cutoff_hz, cutoff_hz, 24, 24, p=1.0))

    found = {f"noise:white@{snr}dB": noise(snr, 0.0) for snr in (30, 20, 10, 0)}
    found |= {f"crop@{length:g}s": cropped(length) for length in (4, 2, 1, 0.5, 0.3, 0.1)}
    found |= {f"resample:sinc@{rate}Hz": resampled(rate) for rate in (11025, 8000)}
    found |= {f"filter:lowpass@{cutoff}Hz": low_pass(cutoff) for cutoff in (7000, 4000, 2000)}
    found |= {f"pitch:up@{steps}st": pitch(steps) for steps in (1, 3)}
    return found | {
        "noise:pink@10dB": noise(10, -3.01),
        "gain@-20dB": keep(a.Gain(-20, -20, p=1.0)),
        "filter:telephone": keep(a.BandPassFilter(1850, 1850, 1.73, 1.73, 24, 24, p=1.0)),
    }


def each(paths: Iterable[Path], score: Callable[[Path], float]) -> list[float]:
    return [score(path) for path in paths]
