"""Small models with random weights, in the format that real ones have on disk."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def _save(folder: Path, model: Any, extractor: Any) -> Path:
    model.save_pretrained(folder)
    extractor.save_pretrained(folder)
    return folder


def _seeded(make: Callable[[], Any], probe: Callable[[], torch.Tensor]) -> Any:
    """A model of random weights that tells clips apart: its scores of the probes are spread."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(7)
        model = make().eval()
        head = getattr(model.classifier, "dense", model.classifier)
        inputs = probe()
        logits = model(inputs).logits
        head.weight /= logits.diff(dim=1).std() / 3
        head.bias -= model(inputs).logits.mean(dim=0)
    return model


def _spectra() -> torch.Tensor:
    """Two log-mel inputs, one faint and one loud."""
    return 0.3 * torch.randn(2, 1024, 128) + torch.tensor([-1.0, 0.6])[:, None, None]


def _tones() -> torch.Tensor:
    """Two waveforms of 1 s."""
    phase = torch.arange(16000) * torch.tensor([0.05, 1.0])[:, None]
    return torch.sin(phase) + 0.3 * torch.randn(2, 16000)


@pytest.fixture(scope="session")
def small_ast(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A two-class AST of the usual front end (128 bins, 1024 frames) and few, wide patches."""
    from transformers import ASTConfig, ASTFeatureExtractor, ASTForAudioClassification

    config = ASTConfig(
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        frequency_stride=16,
        time_stride=16,
        initializer_range=0.2,
        id2label={0: "fake", 1: "real"},
        label2id={"fake": 0, "real": 1},
    )
    model = _seeded(lambda: ASTForAudioClassification(config), _spectra)
    return _save(tmp_path_factory.mktemp("model") / "small-ast", model, ASTFeatureExtractor())


@pytest.fixture(scope="session")
def small_wav2vec2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A two-class wav2vec 2.0 with group normalisation, which any padding would disturb."""
    from transformers import (
        Wav2Vec2Config,
        Wav2Vec2FeatureExtractor,
        Wav2Vec2ForSequenceClassification,
    )

    config = Wav2Vec2Config(
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        conv_dim=(8,) * 7,
        num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=2,
        classifier_proj_size=16,
        feat_extract_norm="group",
        id2label={0: "Genuine", 1: "Deepfake"},
        label2id={"Genuine": 0, "Deepfake": 1},
    )
    model = _seeded(lambda: Wav2Vec2ForSequenceClassification(config), _tones)
    folder = tmp_path_factory.mktemp("model") / "small-wav2vec2"
    return _save(folder, model, Wav2Vec2FeatureExtractor())


@pytest.fixture(scope="module")
def card_ast(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A two-class AST of the full configuration of the card: 86 M parameters, 345 MB."""
    from transformers import ASTConfig, ASTFeatureExtractor, ASTForAudioClassification

    config = ASTConfig(id2label={0: "fake", 1: "real"}, label2id={"fake": 0, "real": 1})
    folder = tmp_path_factory.mktemp("model") / "card-ast"
    model = _seeded(lambda: ASTForAudioClassification(config), _spectra)
    yield _save(folder, model, ASTFeatureExtractor())
    shutil.rmtree(folder)
