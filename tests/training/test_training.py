import random
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given
from hypothesis import strategies as st

from harness.audio.wave import Wave
from harness.data.clip import Clip
from harness.detector.source import open_detector
from harness.errors import UsageError
from harness.training.clips import split
from harness.training.training import TrainingOptions, train
from tests.support.in_process import harness


class Noises:
    """Clips of noise, rising or falling, of four speakers."""

    origin = None

    def __init__(self, folder: Path, speakers: int = 4) -> None:
        rng = np.random.default_rng(0)
        self._clips = []
        for index in range(2 * speakers):
            label = ("real", "fake")[index % 2]
            path = folder / f"{index}.wav"
            samples = rng.standard_normal(6000) * np.linspace(0.0, 0.2, 6000)
            soundfile.write(path, samples[:: 1 if label == "real" else -1], 16_000)
            self._clips.append(Clip(path.name, label, path, speaker=f"s{index // 2}"))

    def __iter__(self):
        return iter(self._clips)

    def __len__(self) -> int:
        return len(self._clips)


@pytest.fixture
def base(tmp_path: Path) -> Path:
    from transformers import ASTConfig, ASTFeatureExtractor

    folder = tmp_path / "base"
    ASTConfig(
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        frequency_stride=16,
        time_stride=16,
        max_length=64,
        num_labels=5,
    ).save_pretrained(folder)
    ASTFeatureExtractor(max_length=64).save_pretrained(folder)
    return folder


def _options(base: Path, out: Path, **others: object) -> TrainingOptions:
    small = {
        "from_scratch": True,
        "max_steps": 2,
        "batch_size": 2,
        "gradient_accumulation_steps": 2,
        "eval_steps": 1,
    }
    return TrainingOptions(base=str(base), out=out, device="cpu", **{**small, **others})


def test_the_defaults_are_the_cards() -> None:
    options = TrainingOptions(out=Path("x"))
    assert options.base == "MIT/ast-finetuned-audioset-10-10-0.4593"
    assert (options.learning_rate, options.weight_decay, options.max_steps) == (1e-5, 0.01, 1500)
    assert (options.batch_size, options.gradient_accumulation_steps) == (16, 8)
    assert (options.eval_steps, options.val_samples) == (500, 5000)


def test_what_was_trained_opens_as_a_detector_and_can_be_trained_on(
    base: Path, tmp_path: Path
) -> None:
    source = Noises(tmp_path)
    out = tmp_path / "out"
    result = train(_options(base, out, crop_s=(0.1, 0.3)), source)
    assert (result.steps, result.training_clips, result.validation_clips) == (2, 6, 2)
    assert result.rejected_clips == 0
    assert {path.name for path in out.iterdir()} == {
        "config.json",
        "model.safetensors",
        "preprocessor_config.json",
    }
    detector = open_detector(str(out), device="cpu")
    assert detector.identity.labels == {"0": "fake", "1": "real"}
    train(_options(out, tmp_path / "tuned", from_scratch=False), source)
    assert (tmp_path / "tuned" / "model.safetensors").stat().st_size > 0


def test_training_is_a_function_of_its_options(base: Path, tmp_path: Path) -> None:
    source = Noises(tmp_path)
    weights = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        torch.manual_seed(len(weights))
        train(_options(base, tmp_path / name, seed=seed, crop_s=(0.1, 0.3)), source)
        weights.append((tmp_path / name / "model.safetensors").read_bytes())
    assert weights[0] == weights[1]
    assert weights[0] != weights[2]


def test_the_callers_random_states_are_left_alone(base: Path, tmp_path: Path) -> None:
    random.seed(3)
    torch.manual_seed(3)
    expected = random.random(), torch.rand(1).item()
    random.seed(3)
    torch.manual_seed(3)
    train(_options(base, tmp_path / "out"), Noises(tmp_path))
    assert (random.random(), torch.rand(1).item()) == expected


def test_augmentation_hears_every_training_clip(base: Path, tmp_path: Path) -> None:
    heard: list[float] = []

    def augment(wave, rng):
        heard.append(rng.random())
        return wave

    train(_options(base, tmp_path / "out"), Noises(tmp_path), augment)
    assert len(set(heard)) >= 2 * 2 * 2


def test_progress_is_told_and_nothing_is_printed(
    base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told: list[tuple[int, dict[str, float]]] = []
    options = _options(base, tmp_path / "out")
    train(options, Noises(tmp_path), progress=lambda step, logs: told.append((step, logs)))
    assert [step for step, logs in told if "eval_accuracy" in logs][:2] == [1, 2]
    assert capsys.readouterr() == ("", "")


def test_groups_stay_on_one_side(tmp_path: Path) -> None:
    clips = list(Noises(tmp_path, speakers=10))
    training, validation = split(clips, 0.3, 5000, seed=1)
    assert len(training) + len(validation) == 20
    assert {clip.group for clip in validation}.isdisjoint(clip.group for clip in training)
    assert len({clip.group for clip in validation}) == 3
    assert len(split(clips, 0.3, 4, seed=1)[1]) == 4


def test_one_group_cannot_be_split(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="fewer than two groups"):
        split(list(Noises(tmp_path, speakers=1)), 0.1, 10, seed=1)


def test_a_base_that_is_not_there(tmp_path: Path) -> None:
    options = _options(tmp_path / "nothing", tmp_path / "out", from_scratch=False)
    with pytest.raises(UsageError, match="nothing"):
        train(options, Noises(tmp_path))


@pytest.mark.parametrize("how", ["learning rate", "samples"])
def test_a_training_that_diverges_saves_nothing(base: Path, tmp_path: Path, how: str) -> None:
    def without_numbers(wave: Wave, rng: np.random.Generator) -> Wave:
        del rng
        return Wave(np.full_like(wave.samples, np.nan), wave.rate_hz)

    out = tmp_path / "out"
    rate = 1e30 if how == "learning rate" else 1e-5
    options = _options(base, out, learning_rate=rate, max_steps=4)
    augment = None if how == "learning rate" else without_numbers
    with pytest.raises(
        UsageError, match=r"training diverged by step \d \(.* is .*\), and nothing is saved"
    ):
        train(options, Noises(tmp_path), augment)
    assert not out.exists()


def test_clips_are_counted_as_they_were_used(base: Path, tmp_path: Path) -> None:
    source = Noises(tmp_path)
    (tmp_path / "text.wav").write_text("no sound")
    first = source._clips[0]
    source._clips += [
        Clip("text.wav", "real", tmp_path / "text.wav", speaker="s0"),
        Clip("copy.wav", first.label, first.audio, speaker="s3"),
    ]
    result = train(_options(base, tmp_path / "out", max_steps=5), source)
    assert (result.rejected_clips, result.duplicate_clips) == (1, 1)
    assert result.training_clips + result.validation_clips == 8
    once = _options(base, tmp_path / "once", max_steps=1, gradient_accumulation_steps=1)
    assert train(once, source).training_clips == 2


def test_a_recording_of_both_classes_is_refused(base: Path, tmp_path: Path) -> None:
    source = Noises(tmp_path)
    source._clips.append(Clip("x.wav", "fake", source._clips[0].audio, speaker="s1"))
    with pytest.raises(UsageError, match="the same recording is"):
        train(_options(base, tmp_path / "out"), source)


def test_a_class_that_cannot_be_decoded_at_all_is_no_class(base: Path, tmp_path: Path) -> None:
    source = Noises(tmp_path)
    for clip in source:
        if clip.label == "fake":
            assert isinstance(clip.audio, Path)
            clip.audio.write_text(f"no sound {clip.clip_id}")
    with pytest.raises(UsageError, match="that can be decoded are of one class"):
        train(_options(base, tmp_path / "out"), source)
    assert not (tmp_path / "out").exists()


@given(
    groups=st.lists(st.sampled_from(["real", "fake", "both"]), min_size=1, max_size=12),
    share=st.floats(0.01, 0.99),
    most=st.integers(2, 30),
    seed=st.integers(0, 2**32 - 1),
)
def test_both_classes_are_on_both_sides_whatever_the_seed(
    groups: list[str], share: float, most: int, seed: int
) -> None:
    clips = [
        Clip(f"{number}-{label}-{take}", label, b"", speaker=f"s{number}")
        for number, kind in enumerate(groups)
        for label in ("real", "fake")
        if kind in (label, "both")
        for take in range(2)
    ]
    enough = all(sum(kind in (label, "both") for kind in groups) > 1 for label in ("real", "fake"))
    if not enough:
        with pytest.raises(UsageError, match=r"fewer than two groups|clips come from [01] group"):
            split(clips, share, most, seed)
        return
    training, validation = split(clips, share, most, seed)
    assert (
        {clip.label for clip in training} == {clip.label for clip in validation} == {"real", "fake"}
    )
    assert {clip.group for clip in training}.isdisjoint(clip.group for clip in validation)
    assert len(validation) <= most


def test_validation_has_its_share_of_the_groups_of_either_class() -> None:
    clips = [
        Clip(f"{label}{number}", label, b"", speaker=f"{label}{number}")
        for label, count in (("real", 40), ("fake", 10))
        for number in range(count)
    ]
    for seed in range(5):
        validation = split(clips, 0.2, 5000, seed)[1]
        assert [sum(clip.label == label for clip in validation) for label in ("real", "fake")] == [
            8,
            2,
        ]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--seed", "-1"), "'--seed': Input should be greater than or equal to 0;"),
        (("--seed", str(2**32)), "'--seed': Input should be less than or equal to 4294967295;"),
        (("--learning-rate", "nan"), "'--learning-rate': 'nan' is not a number;"),
        (("--learning-rate", "0"), "--learning-rate: is 0.0; give a number above 0"),
        (("--weight-decay", "inf"), "'--weight-decay': 'inf' is not a number;"),
        (
            ("--gradient-accumulation", "0"),
            "--gradient-accumulation: is 0; give a number of at least 1",
        ),
        (("--val-samples", "1"), "--val-samples: is 1; give a number of at least 2"),
        (("--device", "tpu"), "--device: is 'tpu'; give 'auto', 'cpu' or 'cuda'"),
    ],
)
def test_numbers_that_are_none_are_one_line_and_exit_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], told: str
) -> None:
    out = str(tmp_path / "out")
    code, _, err = harness(capsys, "train", "--out", out, "--data", "embedded", *arguments)
    assert code == 2
    assert told in err
    assert len(err.strip().splitlines()) == 1
