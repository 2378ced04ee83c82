"""What is planted is found by its name; what is alike in both classes is not."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from harness.audio.wave import Wave, load
from harness.data.clip import Clip
from harness.data.embedded import EmbeddedSource
from harness.data.source import open_source
from harness.data.subset import limited
from harness.errors import ClipError, UsageError
from harness.metrics.detection import auc
from harness.suite.suite import load_suite
from harness.testset.intervention import SUITE, interventions
from harness.testset.permutation import Exchange, adjusted_p, order_of, values_of
from harness.testset.properties import PROPERTIES, ClipProperties
from harness.testset.separation import Design, by_order, by_value, separations
from harness.testset.shortcuts import MeasuredClips, ShortcutAudit, audit_shortcuts, measure_clips
from tests.support.in_process import harness
from tests.support.paths import SHARED
from tests.support.two_runs import finished

RESAMPLES = 200


def nothing(done: int) -> None:
    """No one watches."""


@pytest.fixture(scope="module")
def clean() -> MeasuredClips:
    return measure_clips(EmbeddedSource("test"), nothing)


def planted(clean: MeasuredClips, change: Callable[[Wave], Wave]) -> MeasuredClips:
    """The corpus with every fake changed; real clips are measured already."""

    def changed() -> Iterator[Clip]:
        for clip in clean.clips:
            if clip.label == "fake":
                wave, file = change(load(clip.audio)), io.BytesIO()
                soundfile.write(file, wave.samples, wave.rate_hz, format="FLAC", subtype="PCM_16")
                yield replace(clip, audio=file.getvalue())

    fakes = measure_clips(changed(), nothing)
    real = [n for n, clip in enumerate(clean.clips) if clip.label == "real"]
    return MeasuredClips(
        (*(clean.clips[n] for n in real), *fakes.clips),
        (*(clean.measurements[n] for n in real), *fakes.measurements),
        (),
    )


def telling(found: ShortcutAudit) -> set[str]:
    return {each.name for each in found.shortcuts if each.verdict == "tells" and not each.trace}


def test_the_clean_corpus_is_quiet(clean: MeasuredClips) -> None:
    found = audit_shortcuts(clean, resamples=RESAMPLES)
    assert not found.found
    assert telling(found) == set()
    assert (found.clips, found.real, found.fake, found.groups) == (180, 90, 90, 30)
    length = next(each for each in found.shortcuts if each.name == "length")
    assert length.verdict == "does not tell"  # every fake has its real twin of the same length
    assert (length.auc, length.low, length.high) == (0.5, 0.5, 0.5)


@dataclass(frozen=True)
class Unreachable:
    """A recording in a store that does not answer."""

    def fetch(self, most_bytes: int) -> bytes:
        raise ClipError(f"the store does not answer, of {most_bytes} bytes")


def test_a_recording_that_cannot_be_reached_is_told_and_the_others_are_measured() -> None:
    clips = [*list(EmbeddedSource("test"))[:2], Clip("away", "real", Unreachable())]
    found = measure_clips(clips, nothing)
    assert len(found.clips) == 2
    ((name, why),) = found.rejected
    assert (name, why[:28]) == ("away", "the store does not answer, o")


def test_louder_fakes_are_found(clean: MeasuredClips) -> None:
    louder = planted(clean, lambda wave: Wave(wave.samples * np.float32(10**0.15), wave.rate_hz))
    found = audit_shortcuts(louder, resamples=RESAMPLES)
    assert {"level", "peak"} <= telling(found)
    assert not {"length", "trailing silence", "bandwidth"} & telling(found)
    level = next(each for each in found.shortcuts if each.name == "level")
    assert level.how == "fakes have more"
    assert isinstance(level.fake, float)
    assert isinstance(level.real, float)
    assert level.fake - level.real == pytest.approx(3.0, abs=0.5)


def test_trailing_silence_on_fakes_is_found(clean: MeasuredClips) -> None:
    def trailing(wave: Wave) -> Wave:
        return Wave(np.pad(wave.samples, (0, int(0.3 * wave.rate_hz))), wave.rate_hz)

    found = audit_shortcuts(planted(clean, trailing), resamples=RESAMPLES)
    assert {"trailing silence", "digital silence", "all together"} <= telling(found)
    assert not {"peak", "bandwidth", "sample rate"} & telling(found)
    trail = next(each for each in found.shortcuts if each.name == "trailing silence")
    assert trail.auc > 0.95
    assert trail.p_adjusted == pytest.approx(2 / (RESAMPLES + 1))  # no permutation is as extreme


# What a detector owes to it


def test_a_detector_of_length_owes_all_to_it() -> None:
    """Its score is the clip's length; a tenth of the clips is as long as the other class is."""
    rng = np.random.default_rng(0)
    scores: dict[str, float] = {}
    clips: list[Clip] = []
    measurements: list[ClipProperties] = []
    names = {name: "same" for name, each in PROPERTIES.items() if each.names}
    same = {name: 0.0 for name, each in PROPERTIES.items() if not each.names}
    for number in range(100):
        for kind, label in (("ra", "real"), ("fa", "fake")):
            long = (label == "fake") != (number % 10 == 0)
            seconds = rng.uniform(4, 6) if long else rng.uniform(1, 3)
            clip_id = f"{kind}{number}"
            clips.append(Clip(clip_id, "fake" if label == "fake" else "real", b"", group=clip_id))
            measurements.append(ClipProperties(same | {"length": seconds}, names))
            scores[clip_id] = 4 * (seconds - 3.5)
    data = MeasuredClips(tuple(clips), tuple(measurements), ())
    found = audit_shortcuts(data, finished({"clean": scores}), resamples=RESAMPLES)
    (owed,) = found.reliances
    assert telling(found) == {"length", "all together"}
    assert owed.r2 > 0.9
    assert owed.r2_within > 0.3
    assert owed.right == 1
    assert owed.wrong < 0.1
    assert owed.clips_right == pytest.approx(180, abs=2)
    assert owed.clips_right + owed.clips_wrong == 200
    assert owed.rank_fake > 0.5


def test_a_run_of_other_clips_is_refused(clean: MeasuredClips) -> None:
    with pytest.raises(UsageError, match="clean scores"):
        audit_shortcuts(clean, finished({"clean": {"ra0": -1.0, "fa0": 1.0}}), resamples=20)


def test_one_class_or_one_group_cannot_be_asked() -> None:
    clips = tuple(Clip(f"c{n}", "real", b"") for n in range(4))
    with pytest.raises(UsageError, match="too few groups"):
        audit_shortcuts(MeasuredClips(clips, (), ()))
    with pytest.raises(UsageError, match="too few groups"):
        audit_shortcuts(MeasuredClips((), (), ()))


def test_properties_that_are_all_the_same_tell_nothing(clean: MeasuredClips) -> None:
    """No tree splits; its even odds differ between folds by rounding, and that is no order."""
    first = clean.measurements[0]
    same = replace(clean, measurements=tuple(first for _ in clean.clips))
    (together,) = audit_shortcuts(same, resamples=RESAMPLES).shortcuts
    assert (together.auc, together.verdict) == (0.5, "does not tell")


def test_a_model_that_cannot_be_opened_costs_no_measuring(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("harness.testset.shortcuts.measure", lambda _: pytest.fail("measured"))
    code, _, complaint = harness(capsys, "audit", "shortcuts", "embedded", "--model", "python:no:x")
    assert code == 2
    assert "python:no:x" in complaint.splitlines()[-1]


# How well a property separates


def design(fake: np.ndarray, groups: int = 20) -> Design:
    return Design.of(fake, np.array([f"g{n % groups}" for n in range(len(fake))]), seed=0)


def test_by_order_is_the_auc_where_the_sign_is_plain() -> None:
    rng = np.random.default_rng(1)
    fake = rng.random(200) < 0.5
    value = rng.normal(size=200) - 2.0 * fake
    opinion, signs = by_order(value, design(fake))
    assert signs == -5
    assert auc(opinion[~fake], opinion[fake]) == pytest.approx(auc(-value[~fake], -value[fake]))


def test_by_value_sees_what_order_does_not() -> None:
    """Fakes are all of middle length."""
    rng = np.random.default_rng(2)
    fake = rng.random(300) < 0.5
    value = np.where(fake, 5.0, rng.uniform(0, 10, 300))
    order, _ = by_order(value, design(fake))
    one, other = separations([order, by_value(value, design(fake))], design(fake), 200, 0)
    assert one.high < 0.7
    assert other.low > 0.8
    assert other.p < 1e-6


def test_names_are_learned_in_other_folds_only() -> None:
    """A name that occurs once says nothing, although it would tell every clip by itself."""
    fake = np.arange(100) % 2 == 0
    alone = np.array([f"n{n}" for n in range(100)], dtype=object)
    assert not by_value(alone, design(fake)).any()
    names = np.where(fake, "wav", "mp3").astype(object)
    opinion = by_value(names, design(fake))
    assert auc(opinion[~fake], opinion[fake]) == 1


# Chance, by exchanging whole groups

THREE_SPEAKERS = np.array([0, 0, 1, 1, 2, 2])


def test_the_statistic_by_hand() -> None:
    """Speakers of a real clip and a fake each: the paired t, with n instead of n - 1."""
    fake = np.array([False, True] * 3)
    value = np.array([0.0, 3.0, 1.0, 5.0, 2.0, 7.0])
    apart = value[fake] - value[~fake]
    expected = apart.sum() ** 2 / np.sum((apart - apart.mean()) ** 2)
    exchange = Exchange.of(fake, THREE_SPEAKERS, 50, seed=0)
    statistics = exchange.statistics(value[:, None])
    assert statistics[0] == pytest.approx(expected)
    swaps = exchange.swapped[:, 1:]
    signs = np.where(swaps, -1, 1)
    moved = signs * apart[:, None]
    again = moved.sum(axis=0) ** 2 / np.sum((moved - moved.mean(axis=0)) ** 2, axis=0)
    assert statistics[1:] == pytest.approx(again)


def test_groups_of_one_class_move_their_labels_among_themselves() -> None:
    """Four real groups, two of fakes, and one of both, which swaps or does not."""
    group = np.array([0, 1, 2, 3, 4, 5, 6, 6])
    fake = np.array([False, False, False, False, True, True, False, True])
    swapped = Exchange.of(fake, group, 500, seed=0).swapped
    assert not swapped[:, 0].any()
    of_fakes = swapped[:6] != np.array([False] * 4 + [True] * 2)[:, None]
    assert (of_fakes.sum(axis=0) == 2).all()
    assert len({tuple(column) for column in of_fakes.T}) == 15  # 2 out of 6
    assert 0.4 < swapped[6, 1:].mean() < 0.6


def test_groups_of_one_class_count_as_wholes() -> None:
    """Two real speakers and two of fakes: 300 clips cannot show more than 2 of 6 exchanges can."""
    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(4), 75)
    statistics = Exchange.of(group > 1, group, 400, 0).statistics(
        order_of(rng.normal(size=300) + 5.0 * (group > 1))
    )
    assert np.mean(statistics >= statistics[0] - 1e-9) == pytest.approx(1 / 3, abs=0.08)


def test_twins_show_no_difference() -> None:
    value = np.repeat(np.random.default_rng(0).normal(size=30), 2)
    exchange = Exchange.of(np.arange(60) % 2 == 1, np.arange(60) // 2, 100, 0)
    assert not exchange.statistics(order_of(value)).any()
    assert adjusted_p([exchange.statistics(order_of(value))]) == 1


@pytest.mark.parametrize("pure", [True, False], ids=["groups of one class", "groups of both"])
def test_chance_is_called_more_in_one_set_of_twenty(pure: bool) -> None:
    """Four properties in two ways each, with speakers that are alike: one alarm for all, at 5 %."""
    rng = np.random.default_rng(3)
    group = np.repeat(np.arange(24), 6)
    fake = group % 2 == 0 if pure else np.arange(144) % 2 == 0
    alarms = 0
    for seed in range(100):
        exchange = Exchange.of(fake, group, 99, seed)
        values = rng.normal(size=(4, 24))[:, group] + rng.normal(size=(4, 144))
        columns = [way(value) for value in values for way in (order_of, values_of)]
        alarms += min(adjusted_p([exchange.statistics(each) for each in columns])) <= 0.05
    assert alarms <= 11  # 5 are expected; 12 or more have a probability of 0.4 %


def test_a_planted_shortcut_is_seen() -> None:
    """Fakes are a standard deviation higher, among 19 properties that say nothing."""
    rng = np.random.default_rng(4)
    group = np.repeat(np.arange(30), 6)
    fake = np.arange(180) % 2 == 0
    exchange = Exchange.of(fake, group, 199, 0)
    values = rng.normal(size=(20, 180))
    values[7] += fake
    p = adjusted_p([exchange.statistics(order_of(value)) for value in values])
    assert p[7] == 1 / 200
    assert np.argsort(p)[0] == 7


def test_learned_predictions_are_held_to_their_own_spread() -> None:
    """The sign is learned: one property errs on either side, as a two-sided test at 5 % would."""
    rng = np.random.default_rng(3)
    alarms = 0
    for _ in range(120):
        fake = rng.random(120) < 0.5
        groups = design(fake)
        (result,) = separations([by_order(rng.normal(size=120), groups)[0]], groups, 200, 0)
        alarms += result.p < 0.05
    assert alarms <= 8  # of 120; without the factor of √2 it is 12 expected


# Interventions


def test_interventions_are_paired() -> None:
    clean = {f"{kind}{n}": 2.0 if kind == "f" else -2.0 for n in range(30) for kind in "rf"}
    trimmed = {clip: -1.0 if clip[0] == "f" else -2.0 for clip in clean}
    one, same = interventions(
        finished({"clean": clean, "trim": trimmed, "loudness": clean}), resamples=100
    )
    assert one.condition == "trim"
    assert (one.accuracy.clean, one.accuracy.treated) == (1.0, 0.5)
    assert one.accuracy.difference == -0.5
    assert one.accuracy.p_holm < 0.01
    assert one.auc.difference == 0
    assert (one.move_real, one.move_fake) == (0.0, -3.0)
    assert same.accuracy.difference == 0
    assert same.accuracy.p_holm == 1
    assert not math.isnan(same.auc.low)


def test_the_suite_of_interventions_treats_what_is_asked_about() -> None:
    names = {step.perturb for each in load_suite(SUITE).conditions for step in each.chain}
    assert names == {"trim", "loudness", "filter", "codec", "crop"}


@pytest.mark.skipif(not (SHARED / "data").is_dir(), reason="no shared recordings")
def test_real_recordings_that_are_confounded_on_purpose() -> None:
    source = limited(open_source(str(SHARED / "data" / "test")), 200, seed=1)
    found = audit_shortcuts(measure_clips(source, nothing), resamples=RESAMPLES)
    assert "all together" in telling(found)
    assert found.shortcuts[0].auc > 0.75
