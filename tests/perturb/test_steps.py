"""What every perturbation but the codecs keeps to, whatever its values and whatever the clip."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.audio.wave import Wave
from harness.errors import ClipRejected
from harness.perturb import PERTURBATIONS
from harness.perturb.attestation import apply_chain
from harness.perturb.perturbation import Draw, Perturbation
from harness.results.expectation import Expectation, Length
from tests.support.perturbations import perturbations

KINDS = sorted(set(PERTURBATIONS) - {"codec"})


def companions(count: int) -> list[Wave]:
    rng = np.random.default_rng(1)
    return [Wave((0.1 * rng.standard_normal(3000)).astype(np.float32), 8000) for _ in range(count)]


def draw(seed: int) -> Draw:
    return Draw(np.random.default_rng(seed), companions)


def apply(step: Perturbation, clip: Wave, seed: int) -> Wave | str:
    try:
        return step.apply(clip, draw(seed))
    except ClipRejected as rejected:
        return str(rejected)


@st.composite
def clips(make: Callable[[st.SearchStrategy[object]], object]) -> Wave:
    length = make(st.sampled_from([0, 1, 2, 3, 7, 60, 399, 400, 4000, 16_000]))
    rate_hz = make(st.sampled_from([4000, 8000, 11_025, 16_000, 24_000, 44_100, 48_000]))
    rng = np.random.default_rng(make(st.integers(0, 99)))
    samples = make(st.sampled_from([0.0, 1e-6, 0.1, 3.0])) * rng.standard_normal(length)
    samples[length // 3 : length // 2] = make(st.sampled_from([0.0, 0.2]))
    return Wave(samples.astype(np.float32), rate_hz)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=25)
@given(data=st.data())
def test_every_step_keeps_its_promises(kind: str, data: st.DataObject) -> None:
    step = data.draw(perturbations(kind, decimals=1))
    clip = data.draw(clips())
    before = clip.samples.copy()
    made, again = apply(step, clip, 7), apply(step, clip, 7)
    assert np.array_equal(clip.samples, before)
    if isinstance(made, str):
        assert made
        assert again == made
        return
    assert isinstance(again, Wave)
    assert made.samples.tobytes() == again.samples.tobytes()
    assert made.samples.dtype == np.float32
    assert len(made.samples) > 0
    assert np.isfinite(made.samples).all()
    if step.keeps_length:
        assert (len(made.samples), made.rate_hz) == (len(clip.samples), clip.rate_hz)
    expects = step.expectation(clip.rate_hz)
    assert expects.in_place == (step.keeps_length and step.keeps_alignment)
    assert expects.length == Length() or not step.keeps_length
    assert contradiction(clip, (step,), expects) == ""
    assert contradiction(clip, (step,), step.expectation()) == ""


def contradiction(clip: Wave, chain: tuple[Perturbation, ...], expects: Expectation) -> str:
    made, snr_db = apply_chain(clip, chain, draw(7))
    return expects.contradiction(
        rate_hz=clip.rate_hz,
        clean_s=clip.seconds,
        seconds=made.seconds,
        snr_db=snr_db,
        changed=made.rate_hz != clip.rate_hz or not np.array_equal(made.samples, clip.samples),
        silent=not np.ptp(clip.samples),
    )


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=20)
@given(data=st.data())
def test_a_step_is_a_value_with_a_name_and_words(kind: str, data: st.DataObject) -> None:
    step = data.draw(perturbations(kind, decimals=1))
    assert step.perturb == kind
    assert PERTURBATIONS[kind].model_validate_json(step.model_dump_json()) == step
    assert not set(step.name) & set(" \t\n/\\")
    assert step.series.split(":")[0] == kind
    assert step.words
    if step.axis is not None:
        shown = getattr(step, step.axis.field) * (100 if step.axis.unit == "%" else 1)
        assert step.axis.value == pytest.approx(shown)


@pytest.mark.parametrize("kind", KINDS)
def test_a_clip_without_samples_is_rejected(kind: str) -> None:
    @settings(max_examples=5)
    @given(perturbations(kind))
    def check(step: Perturbation) -> None:
        with pytest.raises(ClipRejected):
            step.apply(Wave(np.zeros(0, np.float32), 16_000), draw(0))

    check()


@pytest.mark.parametrize(
    "values",
    [
        *({"perturb": "noise", "color": c, "snr_db": 5} for c in ("white", "pink", "brown")),
        *({"perturb": "noise", "color": c, "snr_db": 5} for c in ("babble", "music", "hum")),
        {"perturb": "crop", "seconds": 0.1, "place": "random"},
        {"perturb": "reverb", "rt60_s": 0.3},
        {"perturb": "packet_loss", "rate": 0.3},
        {"perturb": "packet_loss", "rate": 0.3, "burst_frames": 3},
        {"perturb": "jitter", "ms": 10},
        {"perturb": "bit_errors", "rate": 0.001},
    ],
    ids=str,
)
def test_another_draw_is_another_result(values: dict[str, object]) -> None:
    step = PERTURBATIONS[str(values["perturb"])](**values)
    rng = np.random.default_rng(2)
    clip = Wave((0.1 * rng.standard_normal(32_000)).astype(np.float32), 16_000)
    one, two = (step.apply(clip, draw(seed)).samples for seed in (1, 2))
    assert not np.array_equal(one, two)
