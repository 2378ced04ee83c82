"""Log-mel features of a whole batch on the device, as the AST extractor makes them clip by clip.

Kaldi's filter bank as `ASTFeatureExtractor` calls it (`torchaudio.compliance.kaldi.fbank`): frames
of 25 ms every 10 ms that lie wholly inside the clip, mean removed, pre-emphasis 0.97, Hann window,
power spectrum of the next power of two, triangular filters from 20 Hz to half the rate, natural
log with float32's epsilon as the floor. No dither. Waveforms stay in [-1, 1]. Log-mel frames are
padded with 0 or cut to `max_frames` and then normalised, so padding is not silence.

The order of operations follows Kaldi's: beside a loud pure tone the floor of the spectrum is
rounding noise, and another order gives different noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torchaudio.compliance.kaldi import get_mel_banks

from harness.audio.wave import Samples
from harness.detector.device import to_device

_WINDOW_MS, _HOP_MS = 25.0, 10.0
_LOWEST_HZ = 20.0
_PREEMPHASIS = 0.97
_FLOOR = float(np.finfo(np.float32).eps)
_FRAMES_AT_ONCE = {"cpu": 1024, "cuda": 65536}
"""Bounds the memory of a batch; on a CPU it keeps the frames in the cache."""


class LogMel:
    """Normalised log-mel features by the settings of an `ASTFeatureExtractor`.

    Parameters
    ----------
    extractor
        The model's own extractor; `sampling_rate`, `num_mel_bins`, `max_length`, `do_normalize`,
        `mean` and `std` are read from it.
    device
        Where the features are computed and stay.
    """

    def __init__(self, extractor: Any, device: torch.device) -> None:
        self.rate_hz = int(extractor.sampling_rate)
        self.max_frames = int(extractor.max_length)
        self.window_samples = int(self.rate_hz * _WINDOW_MS * 0.001)
        self._hop = int(self.rate_hz * _HOP_MS * 0.001)
        self._fft = 1 << (self.window_samples - 1).bit_length()
        self._normalize = bool(extractor.do_normalize)
        self._mean, self._std = float(extractor.mean), float(extractor.std)
        nothing = torch.zeros(1)  # bit-exact value of a frame of padding
        padding = (nothing - self._mean) / (self._std * 2) if self._normalize else nothing
        self._padding = float(padding)
        self._device = device
        self._block = _FRAMES_AT_ONCE[device.type]
        self._window = torch.hann_window(self.window_samples, periodic=False, device=device)
        bank, _ = get_mel_banks(
            int(extractor.num_mel_bins),
            self._fft,
            self.rate_hz,
            _LOWEST_HZ,
            0.0,
            100.0,
            -500.0,
            1.0,
        )
        # The bank has no column for half the rate; it gets weight 0.
        self._bank = torch.nn.functional.pad(bank, (0, 1)).T.contiguous().to(device)

    @property
    def longest_samples(self) -> int:
        """The number of samples of a clip that are used, at most."""
        return self.window_samples + (self.max_frames - 1) * self._hop

    def frames(self, samples: int) -> int:
        """Return how many frames of a clip of this many samples are used."""
        if samples < self.window_samples:
            return 0
        return min(self.max_frames, 1 + (samples - self.window_samples) // self._hop)

    def __call__(self, clips: Sequence[Samples]) -> Tensor:
        """Return features of shape (clips, max_frames, bins), float32, on the device.

        Every clip must have at least `window_samples` samples.
        """
        counts = [self.frames(len(samples)) for samples in clips]
        signal, starts = self._pack(clips, counts)
        # Frames that straddle two clips are computed as well, two a clip, and never read.
        frames = signal.unfold(0, self.window_samples, self._hop)
        log_mel = torch.cat([self._log_mel(block) for block in frames.split(self._block)])
        if self._normalize:
            log_mel.sub_(self._mean).div_(self._std * 2)
        return self._padded_rows(log_mel, starts, counts)

    def _padded_rows(self, log_mel: Tensor, starts: Sequence[int], counts: Sequence[int]) -> Tensor:
        """Return each clip's frames as a padded row."""
        shape = (len(counts), self.max_frames, log_mel.shape[1])
        if self._device.type == "cuda":  # few calls, because each of them is costly there
            features = log_mel.new_full(shape, self._padding)
            places = np.arange(self.max_frames)
            used = places < np.asarray(counts)[:, None]
            frames = (np.asarray(starts)[:, None] + places)[used]
            where = to_device(
                torch.from_numpy(np.stack([np.flatnonzero(used), frames])), self._device
            )
            features.view(-1, shape[2]).index_copy_(0, where[0], log_mel.index_select(0, where[1]))
            return features
        features = log_mel.new_empty(shape)
        for row, start, count in zip(features, starts, counts, strict=True):
            row[:count] = log_mel[start : start + count]
            row[count:] = self._padding
        return features

    def _pack(self, clips: Sequence[Samples], counts: Sequence[int]) -> tuple[Tensor, list[int]]:
        """Return all clips as one signal, each at a multiple of the hop, and their first frames."""
        used = [(count - 1) * self._hop + self.window_samples for count in counts]
        strides = [-(-samples // self._hop) for samples in used]
        starts = [int(start) for start in np.cumsum([0, *strides])]
        # A GPU copies from pinned memory while the CPU goes on.
        pinned = self._device.type == "cuda"
        packed = torch.empty(starts[-1] * self._hop, dtype=torch.float32, pin_memory=pinned)
        signal = packed.numpy()
        for samples, start, end, length in zip(clips, starts, starts[1:], used, strict=False):
            signal[start * self._hop : start * self._hop + length] = samples[:length]
            signal[start * self._hop + length : end * self._hop] = 0
        return packed.to(self._device, non_blocking=True), starts[:-1]

    def _log_mel(self, frames: Tensor) -> Tensor:
        centred = frames - frames.mean(dim=1, keepdim=True)
        padded = centred.new_zeros(len(centred), self._fft)
        windowed = padded[:, : self.window_samples]
        torch.mul(centred[:, :-1], -_PREEMPHASIS, out=windowed[:, 1:])
        windowed[:, 1:] += centred[:, 1:]
        windowed[:, 0] = centred[:, 0] - _PREEMPHASIS * centred[:, 0]
        windowed *= self._window
        spectrum = torch.view_as_real(torch.fft.rfft(padded))
        power = spectrum[..., 0].square().addcmul_(spectrum[..., 1], spectrum[..., 1])
        return (power @ self._bank).clamp_(min=_FLOOR).log_()
