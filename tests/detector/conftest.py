"""Small models with random weights, in the format that real ones have on disk."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tests.support.small_model import save, save_card_ast, save_small_ast, seeded


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def _tones() -> torch.Tensor:
    """Two waveforms of 1 s."""
    phase = torch.arange(16000) * torch.tensor([0.05, 1.0])[:, None]
    return torch.sin(phase) + 0.3 * torch.randn(2, 16000)


@pytest.fixture(scope="session")
def small_ast(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A two-class AST of the usual front end (128 bins, 1024 frames) and few, wide patches."""
    return save_small_ast(tmp_path_factory.mktemp("model") / "small-ast")


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
    model = seeded(lambda: Wav2Vec2ForSequenceClassification(config), _tones)
    folder = tmp_path_factory.mktemp("model") / "small-wav2vec2"
    return save(folder, model, Wav2Vec2FeatureExtractor())


@pytest.fixture(scope="module")
def card_ast(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A two-class AST of the full configuration of the card."""
    folder = save_card_ast(tmp_path_factory.mktemp("model") / "card-ast")
    yield folder
    shutil.rmtree(folder)
