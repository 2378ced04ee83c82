import os
import platform
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile

from harness.data.embedded import SPECS, CorpusSpec, EmbeddedSource, build, plan
from harness.synthesis.resynthesis import HELD_OUT, RESYNTHESES
from harness.testset.shortcuts import audit_shortcuts, measure_clips

SMALL = CorpusSpec(speakers=2, utterances=2, seed=5)


def test_the_bits_do_not_depend_on_the_number_of_workers(tmp_path: Path) -> None:
    """Also in a script without a main guard, which is run once, not in every worker again."""
    made: list[dict[str, bytes]] = []
    for workers in (1, 2):
        script = tmp_path / "script.py"
        script.write_text(
            "from harness.data.embedded import CorpusSpec, build\n"
            f"print(build(CorpusSpec(speakers=2, utterances=2, seed=5), workers={workers}))"
        )
        environment = {**os.environ, "HARNESS_CACHE": str(tmp_path / str(workers))}
        folder = Path(
            subprocess.check_output([sys.executable, script], env=environment, text=True).strip()
        )
        assert folder.parent == tmp_path / str(workers)
        assert [path.name for path in folder.parent.iterdir()] == [folder.name]
        made.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert len(made[0]) == 2 * 4
    assert made[0] == made[1]


def test_a_corpus_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path))
    tiny = CorpusSpec(speakers=1, utterances=1)
    times = [path.stat().st_mtime_ns for path in sorted(build(tiny, 1).iterdir())]
    assert [path.stat().st_mtime_ns for path in sorted(build(tiny, 1).iterdir())] == times
    assert build(tiny.model_copy(update={"seed": 2}), 1) != build(tiny, 1)


def test_clips_come_in_pairs_of_one_length_and_rate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path))
    source = EmbeddedSource(spec=SMALL, workers=1)
    clips = list(source)
    assert len(clips) == len(source) == 8
    assert clips == list(source)
    for real, fake, utterance in zip(clips[::2], clips[1::2], plan(SMALL), strict=True):
        assert (real.label, fake.label) == ("real", "fake")
        assert real.clip_id == f"test/{utterance.name}-real.flac"
        assert (real.generator, fake.generator) == ("", utterance.resynthesis)
        assert real.group == fake.group == real.speaker
        infos = [soundfile.info(clip.audio) for clip in (real, fake)]
        assert infos[0].frames == infos[1].frames
        assert {info.samplerate for info in infos} == {utterance.rate_hz}
        assert {info.subtype for info in infos} == {"PCM_16"}
    assert source.origin.synthetic
    assert (source.origin.kind, source.origin.spec) == ("embedded", "embedded")


def test_the_halves_share_no_speaker_and_training_hears_no_held_out_generator() -> None:
    halves = {half: plan(spec) for half, spec in SPECS.items()}
    speakers = {half: {u.speaker for u in made} for half, made in halves.items()}
    assert not speakers["test"] & speakers["training"]
    assert len(speakers["test"]) >= 24
    assert {u.resynthesis for u in halves["test"]} == set(RESYNTHESES)
    assert {u.resynthesis for u in halves["training"]} == set(RESYNTHESES) - HELD_OUT


def test_lengths_rates_and_generators_of_the_test_half() -> None:
    made = plan(SPECS["test"])
    seconds = np.array([u.seconds for u in made])
    assert seconds.min() >= 0.3
    assert seconds.max() <= 12
    assert np.mean(seconds < 1) > 0.1
    assert np.mean((seconds >= 1) & (seconds <= 4)) > 0.5
    rates = Counter(u.rate_hz for u in made)
    assert rates.most_common(1)[0][0] == 16_000
    assert set(rates) == {16_000, 22_050, 24_000, 44_100, 48_000}
    per_generator = Counter(u.resynthesis for u in made).values()
    assert max(per_generator) - min(per_generator) <= 1


def test_trivial_properties_do_not_give_the_fakes_away() -> None:
    clips = measure_clips(EmbeddedSource("test"), lambda _: None)
    (together, *_) = audit_shortcuts(clips, resamples=2).shortcuts
    assert together.name == "all together"
    assert together.auc < 0.6


DIGESTS = """
import hashlib
from harness.data.embedded import SPECS, make_pair, plan

wanted = {"spk010-u02", "spk022-u01"}  # of other samples once, where products are not fused
for utterance in plan(SPECS["test"]):
    if utterance.name in wanted:
        for samples in make_pair(utterance):
            print(utterance.name, hashlib.sha256((32768 * samples).round().tobytes()).hexdigest())
"""


@pytest.mark.skipif(platform.machine() != "x86_64", reason="names instructions of x86-64")
def test_the_bits_do_not_depend_on_the_processor() -> None:
    made: list[str] = []
    for without in ("", "AVX2 FMA3 X86_V3 AVX512F X86_V4"):
        environment = os.environ | {"NPY_DISABLE_CPU_FEATURES": without}
        command = [sys.executable, "-W", "ignore", "-c", DIGESTS]
        made.append(subprocess.check_output(command, env=environment, text=True))
    assert made[0].count("spk") == 4
    assert made[0] == made[1]
