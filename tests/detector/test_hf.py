import json
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    ASTFeatureExtractor,
    ASTForAudioClassification,
    Wav2Vec2FeatureExtractor,
    Wav2Vec2ForSequenceClassification,
)

from harness.audio.wave import Wave
from harness.detector.source import open_detector
from harness.errors import ClipError, UsageError

TOLERANCE = 1e-4
LENGTHS = [400, 4000, 16000, 4000, 4001, 30000, 16000, 164000, 400]


def waves(lengths: list[int] = LENGTHS) -> list[Wave]:
    rng = np.random.default_rng(3)
    return [
        Wave((rng.uniform(0.01, 0.3) * rng.standard_normal(n)).astype(np.float32), 16000)
        for n in lengths
    ]


def scores(logits: np.ndarray) -> np.ndarray:
    assert logits.dtype == np.float64
    return logits[:, 0] - logits[:, 1]


@pytest.mark.parametrize("name", ["small_ast", "small_wav2vec2"])
def test_scores_depend_on_neither_batch_nor_order(
    name: str, request: pytest.FixtureRequest
) -> None:
    detector: Any = open_detector(str(request.getfixturevalue(name)), device="cpu")
    clips = waves()
    alone = scores(np.concatenate([detector.score([clip]) for clip in clips]))
    assert np.ptp(alone) > 0.1
    for order in ([0, 1, 2, 3, 4, 5, 6, 7, 8], [8, 3, 5, 1, 0, 7, 2, 6, 4]):
        together = scores(detector.score([clips[index] for index in order]))
        np.testing.assert_allclose(together, alone[order], atol=TOLERANCE, rtol=0)
    assert detector.score([]).shape == (0, 2)


def test_a_variable_length_model_scores_as_its_own_code_does(small_wav2vec2: Path) -> None:
    model = Wav2Vec2ForSequenceClassification.from_pretrained(small_wav2vec2).eval()
    extractor = Wav2Vec2FeatureExtractor.from_pretrained(small_wav2vec2)
    clips = waves()
    expected = []
    for clip in clips:
        inputs = extractor(clip.samples, sampling_rate=16000, return_tensors="pt")
        with torch.no_grad():
            expected.append(model(**inputs).logits[0].double().numpy())
    detector: Any = open_detector(str(small_wav2vec2), device="cpu")
    # Its class 0 is Genuine: the columns of the harness are [fake, real].
    np.testing.assert_allclose(
        detector.score(clips), np.array(expected)[:, ::-1], atol=TOLERANCE, rtol=0
    )


def test_identity_says_what_was_loaded(small_ast: Path, small_wav2vec2: Path) -> None:
    identity = open_detector(str(small_wav2vec2), device="cpu").identity
    assert (identity.name, identity.kind) == ("small-wav2vec2", "directory")
    assert identity.architecture == "Wav2Vec2ForSequenceClassification"
    assert identity.labels == {"0": "Genuine", "1": "Deepfake"}
    assert identity.fake_label == "Deepfake"
    assert identity.rate_hz == 16000
    assert not identity.synthetic
    other = open_detector(str(small_ast), device="cpu").identity
    model = ASTForAudioClassification.from_pretrained(small_ast)
    assert other.parameters == sum(weight.numel() for weight in model.parameters())
    assert len(other.digest) == 64
    assert other.digest != identity.digest


def test_the_user_can_turn_the_polarity(small_ast: Path) -> None:
    usual: Any = open_detector(str(small_ast), device="cpu")
    turned: Any = open_detector(str(small_ast), device="cpu", fake_label="real")
    assert any("although its name means real" in note for note in turned.identity.notes)
    clips = waves([8000, 16000])
    np.testing.assert_array_equal(usual.score(clips), turned.score(clips)[:, ::-1])
    assert any("real" in note for note in turned.identity.notes)


@pytest.mark.parametrize("name", ["small_ast", "small_wav2vec2"])
def test_what_has_no_frame_is_not_admitted(name: str, request: pytest.FixtureRequest) -> None:
    detector: Any = open_detector(str(request.getfixturevalue(name)), device="cpu")
    for samples in (0, 1, 399):
        short = Wave(np.zeros(samples, dtype=np.float32), 16000)
        assert "too short" in detector.admits(short)
    shortest = waves([400])[0]
    assert detector.admits(shortest) == ""
    assert np.isfinite(detector.score([shortest])).all()
    broken = Wave(np.full(400, np.nan, dtype=np.float32), 16000)
    assert "finite" in detector.admits(broken)


def test_only_a_model_without_a_fixed_size_has_a_longest_clip(
    small_ast: Path, small_wav2vec2: Path
) -> None:
    long = Wave(np.zeros(121 * 16000, dtype=np.float32), 16000)
    by_size: Any = open_detector(str(small_ast), device="cpu")
    by_length: Any = open_detector(str(small_wav2vec2), device="cpu")
    assert by_size.admits(long) == ""
    assert "too long" in by_length.admits(long)


def test_a_model_that_fails_is_an_error_of_the_batch(small_wav2vec2: Path) -> None:
    detector: Any = open_detector(str(small_wav2vec2), device="cpu")
    with pytest.raises(ClipError, match="the model failed"):
        detector.score(waves([100]))  # not admitted, and scored all the same


def test_another_rate_is_a_mistake_of_the_caller(small_ast: Path) -> None:
    detector: Any = open_detector(str(small_ast), device="cpu")
    with pytest.raises(ValueError, match="8000 Hz"):
        detector.score([Wave(np.zeros(8000, dtype=np.float32), 8000)])


@pytest.mark.parametrize(
    ("name", "precision", "tolerance"),
    [("small_ast", "bf16", 0.5), ("small_ast", "fp16", 0.1), ("small_wav2vec2", "fp16", 0.1)],
)
def test_fewer_bits_are_near_and_do_not_tie(
    name: str, precision: str, tolerance: float, request: pytest.FixtureRequest
) -> None:
    folder = str(request.getfixturevalue(name))
    exact: Any = open_detector(folder, device="cpu")
    rounded: Any = open_detector(folder, device="cpu", precision=precision)
    clips = waves([16000] * 12)
    near = scores(rounded.score(clips))
    np.testing.assert_allclose(near, scores(exact.score(clips)), atol=tolerance, rtol=0)
    assert len(set(near)) == len(clips)


def test_a_sharded_checkpoint_scores_the_same(small_ast: Path, tmp_path: Path) -> None:
    ASTForAudioClassification.from_pretrained(small_ast).save_pretrained(
        tmp_path, max_shard_size="60KB"
    )
    ASTFeatureExtractor.from_pretrained(small_ast).save_pretrained(tmp_path)
    assert len(list(tmp_path.glob("*.safetensors"))) > 1
    whole: Any = open_detector(str(small_ast), device="cpu")
    sharded: Any = open_detector(str(tmp_path), device="cpu")
    clips = waves([8000])
    np.testing.assert_array_equal(whole.score(clips), sharded.score(clips))
    next(iter(tmp_path.glob("model-00002-*"))).unlink()
    refused(tmp_path, "has no model-00002-of-")


def refused(folder: Path, *words: str, **options: Any) -> None:
    with pytest.raises(UsageError) as refusal:
        open_detector(str(folder), **{"device": "cpu", **options})
    message = str(refusal.value)
    assert "\n" not in message
    assert str(folder) in message
    for word in words:
        assert word in message


def change_config(folder: Path, **values: Any) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def without_config(folder: Path) -> None:
    (folder / "config.json").unlink()


def half_a_config(folder: Path) -> None:
    (folder / "config.json").write_text('{"model_type": "audio-spec')


def config_of_nothing(folder: Path) -> None:
    (folder / "config.json").write_text("{}")


def without_extractor(folder: Path) -> None:
    (folder / "preprocessor_config.json").unlink()


def without_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def pickled(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    torch.save({"weight": torch.zeros(1)}, folder / "pytorch_model.bin")


def cut_short(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1000])


def not_weights(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"<!DOCTYPE html>" * 10)


def empty_weights(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"")


def pointer(folder: Path) -> None:
    (folder / "model.safetensors").write_text(
        "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 345\n"
    )


def index_to_elsewhere(folder: Path) -> None:
    shutil.move(folder / "model.safetensors", folder.parent / "outside.safetensors")
    (folder / "model.safetensors.index.json").write_text(
        json.dumps({"weight_map": {"a": "../outside.safetensors"}})
    )


def three_classes(folder: Path) -> None:
    change_config(folder, id2label={"0": "fake", "1": "real", "2": "music"}, label2id={})


def one_class(folder: Path) -> None:
    change_config(folder, id2label={"0": "fake"}, label2id={})


def nameless_classes(folder: Path) -> None:
    change_config(folder, id2label={"0": "LABEL_0", "1": "LABEL_1"}, label2id={})


def contrary_names(folder: Path) -> None:
    change_config(folder, label2id={"real": 0, "fake": 1})


def no_names(folder: Path) -> None:
    content = json.loads((folder / "config.json").read_text())
    del content["id2label"], content["label2id"]
    (folder / "config.json").write_text(json.dumps(content))


def without_a_head(folder: Path) -> None:
    model = ASTForAudioClassification.from_pretrained(folder)
    model.audio_spectrogram_transformer.save_pretrained(folder)
    change_config(folder, id2label={"0": "fake", "1": "real"})


def other_size(folder: Path) -> None:
    change_config(folder, hidden_size=48)


def more_layers(folder: Path) -> None:
    change_config(folder, num_hidden_layers=3)


def without_a_file(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()


def list_for_a_config(folder: Path) -> None:
    (folder / "config.json").write_text("[1]")


def deep_config(folder: Path) -> None:
    (folder / "config.json").write_text("[" * 10**5)


def no_text_for_a_config(folder: Path) -> None:
    (folder / "config.json").write_bytes(bytes(range(256)))


def broken_extractor(folder: Path) -> None:
    (folder / "preprocessor_config.json").write_text("{")


def garbled_header(folder: Path) -> None:
    path = folder / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[8:40] = b"\xff" * 32
    path.write_bytes(bytes(content))


def endless_header(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(struct.pack("<Q", 2**60) + path.read_bytes()[8:])


def change_weights(
    folder: Path, change: Callable[[str, torch.Tensor], torch.Tensor | None]
) -> None:
    path = folder / "model.safetensors"
    changed = {name: change(name, weight) for name, weight in load_file(path).items()}
    kept = {name: weight for name, weight in changed.items() if weight is not None}
    save_file(kept, path, metadata={"format": "pt"})


def one_tensor_less(folder: Path) -> None:
    change_weights(
        folder,
        lambda name, weight: (
            None if name.endswith("dense.bias") and name.startswith("classifier") else weight
        ),
    )


def one_tensor_of_another_shape(folder: Path) -> None:
    change_weights(
        folder,
        lambda name, weight: (
            weight[:, :-1].clone() if name == "classifier.dense.weight" else weight
        ),
    )


def not_a_number(folder: Path) -> None:
    def change(name: str, weight: torch.Tensor) -> torch.Tensor:
        return weight * torch.nan if name.endswith("cls_token") else weight

    change_weights(folder, change)


def infinite(folder: Path) -> None:
    def change(name: str, weight: torch.Tensor) -> torch.Tensor:
        if name == "classifier.dense.weight":
            weight[0, 0] = torch.inf
        return weight

    change_weights(folder, change)


def integers(folder: Path) -> None:
    change_weights(folder, lambda _, weight: weight.to(torch.int8))


def change_extractor(folder: Path, **values: Any) -> None:
    path = folder / "preprocessor_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def other_bins(folder: Path) -> None:
    change_extractor(folder, num_mel_bins=64)


def other_frames(folder: Path) -> None:
    change_extractor(folder, max_length=128)


def no_number_for_a_mean(folder: Path) -> None:
    change_extractor(folder, mean="loud")


def code_beside_a_known_model(folder: Path) -> None:
    change_config(folder, auto_map={"AutoModelForAudioClassification": "mine.Model"})
    (folder / "mine.py").write_text("raise SystemExit('this ran')")


def code_of_the_extractor(folder: Path) -> None:
    change_extractor(folder, auto_map={"AutoFeatureExtractor": "mine.Extractor"})
    (folder / "mine.py").write_text("raise SystemExit('this ran')")


def own_code(folder: Path) -> None:
    change_config(folder, model_type="mine", auto_map={"AutoConfig": "mine.Config"})
    (folder / "mine.py").write_text("raise SystemExit('this ran')")


def unknown_model(folder: Path) -> None:
    change_config(folder, model_type="no-such-model")


def text_model(folder: Path) -> None:
    change_config(folder, model_type="bert", architectures=["BertModel"])


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (without_config, ["has no config.json"]),
        (half_a_config, ["config.json cannot be read"]),
        (config_of_nothing, ["no model_type"]),
        (without_extractor, ["preprocessor_config.json", "feature extractor"]),
        (without_weights, ["has no model.safetensors"]),
        (pickled, ["only as pytorch_model.bin", "never opened", "safetensors"]),
        (cut_short, ["model.safetensors is damaged"]),
        (not_weights, ["model.safetensors is damaged"]),
        (empty_weights, ["model.safetensors is damaged"]),
        (pointer, ["Git LFS pointer", "git lfs pull"]),
        (index_to_elsewhere, ["no safetensors file beside it"]),
        (three_classes, ["3 classes", "music"]),
        (one_class, ["1 classes"]),
        (nameless_classes, ["LABEL_0", "LABEL_1", "--fake-label"]),
        (contrary_names, ["id2label", "label2id", "contradict", "--fake-label INDEX"]),
        (no_names, ["LABEL_0", "LABEL_1", "--fake-label"]),
        (without_a_head, ["classifier", "random"]),
        (other_size, ["the weights have other shapes than config.json says"]),
        (without_a_file, ["has no config.json", "save_pretrained"]),
        (list_for_a_config, ["config.json is not a JSON object"]),
        (deep_config, ["config.json cannot be read", "recursion"]),
        (no_text_for_a_config, ["config.json cannot be read"]),
        (broken_extractor, ["preprocessor_config.json cannot be read"]),
        (garbled_header, ["model.safetensors is damaged"]),
        (endless_header, ["model.safetensors is damaged"]),
        (one_tensor_less, ["1 weights are not in the file", "classifier.dense.bias", "random"]),
        (one_tensor_of_another_shape, ["other shapes than config.json says"]),
        (not_a_number, ["1 weights hold NaN or infinite", "such as", "diverged"]),
        (infinite, ["1 weights hold NaN or infinite", "classifier.dense.weight"]),
        (integers, ["11 weights are quantised, such as", "(I8)"]),
        (other_bins, ["preprocessor_config.json: num_mel_bins is 64, and 128 in config.json"]),
        (other_frames, ["preprocessor_config.json: max_length is 128, and 1024 in config.json"]),
        (no_number_for_a_mean, ["cannot be loaded", "could not convert"]),
        (code_beside_a_known_model, ["needs its own code (auto_map), which is never run"]),
        (code_of_the_extractor, ["needs its own code (auto_map), which is never run"]),
        (more_layers, ["weights are not in the file", "random"]),
        (own_code, ["needs its own code"]),
        (unknown_model, ["not an audio classifier"]),
        (text_model, ["not an audio classifier"]),
    ],
)
def test_what_cannot_be_loaded_says_so_in_one_line(
    damage: Callable[[Path], None], words: list[str], small_ast: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(small_ast, folder)
    damage(folder)
    refused(folder, *words)


@pytest.fixture
def model(small_ast: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(small_ast, tmp_path / "model"))


@pytest.mark.parametrize("rate_hz", [8000, 22050, 44100, 44100.0])
def test_a_model_works_at_the_rate_of_its_extractor(model: Path, rate_hz: float) -> None:
    change_extractor(model, sampling_rate=rate_hz)
    detector: Any = open_detector(str(model), device="cpu")
    assert detector.rate_hz == detector.identity.rate_hz == rate_hz
    second = np.random.default_rng(1).normal(0, 0.1, int(rate_hz)).astype(np.float32)
    assert detector.admits(Wave(second, int(rate_hz))) == ""
    assert np.isfinite(detector.score([Wave(second, int(rate_hz))])).all()
    assert not any("default" in note for note in detector.identity.notes)


@pytest.mark.parametrize(
    "rate_hz", [0, -1, 1, "16000", "16k", None, True, [16000], 16000.5, 10**9, float("nan")]
)
def test_a_rate_that_is_none_is_refused(model: Path, rate_hz: object) -> None:
    change_extractor(model, sampling_rate=rate_hz)
    refused(model, f"preprocessor_config.json: sampling_rate is {rate_hz!r}", "from 1000 to 384000")


def test_a_rate_that_is_left_out_is_noted(model: Path) -> None:
    path = model / "preprocessor_config.json"
    content = json.loads(path.read_text())
    del content["sampling_rate"]
    path.write_text(json.dumps(content))
    identity = open_detector(str(model), device="cpu").identity
    assert identity.rate_hz == 16000
    assert any(
        "has no sampling_rate: 16000 Hz is the default of ASTFeatureExtractor" in note
        for note in identity.notes
    )


def test_weights_in_fewer_bits_are_weights(model: Path, small_ast: Path) -> None:
    change_weights(model, lambda _, weight: weight.half())
    whole: Any = open_detector(str(small_ast), device="cpu")
    half: Any = open_detector(str(model), device="cpu")
    clips = waves([16000])
    np.testing.assert_allclose(scores(half.score(clips)), scores(whole.score(clips)), atol=0.05)


def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    refused(tmp_path / "nothing", "no such directory", "scores:FILE")
    refused(tmp_path / "nothing" / "@v1", "no such directory")
    (tmp_path / "model.pt").write_bytes(b"")
    refused(tmp_path / "model.pt", "is a file")
    refused(Path("x" * 5000), "no such directory")
    refused(tmp_path, "has no config.json")


@pytest.mark.parametrize("device", ["gpu", "cuda:x", "cuda:", "cpu:0", "mps", "", "cuda:٣"])
def test_no_such_device(device: str, small_ast: Path) -> None:
    with pytest.raises(UsageError, match="no such device"):
        open_detector(str(small_ast), device=device)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
@pytest.mark.parametrize("device", ["cuda", "cuda:0", "cuda:7"])
def test_a_gpu_that_is_not_there_is_never_replaced(device: str, small_ast: Path) -> None:
    with pytest.raises(UsageError, match="no CUDA GPU here"):
        open_detector(str(small_ast), device=device)


@pytest.mark.parametrize("precision", ["tf32", "int8", ""])
def test_a_precision_that_the_device_does_not_have(precision: str, small_ast: Path) -> None:
    with pytest.raises(UsageError, match="precision"):
        open_detector(str(small_ast), device="cpu", precision=precision)


@pytest.mark.parametrize("kind", ["multi_label_classification", "regression"])
def test_a_head_for_something_else_than_two_classes_is_noted(
    small_ast: Path, tmp_path: Path, kind: str
) -> None:
    folder = shutil.copytree(small_ast, tmp_path / "m")
    change_config(folder, problem_type=kind)
    notes = open_detector(str(folder), device="cpu").identity.notes
    assert [note for note in notes if f"problem_type {kind}" in note]
    change_config(folder, problem_type="single_label_classification")
    assert not any(
        "problem_type" in n for n in open_detector(str(folder), device="cpu").identity.notes
    )
