"""Small models with random weights, in the format that real ones have on disk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch


def save(folder: Path, model: Any, extractor: Any) -> Path:
    model.save_pretrained(folder)
    extractor.save_pretrained(folder)
    return folder


def seeded(make: Callable[[], Any], probe: Callable[[], torch.Tensor]) -> Any:
    """A model of random weights that tells clips apart: its scores of the probes are spread."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(7)
        model = make().eval()
        head = getattr(model.classifier, "dense", model.classifier)
        logits = model(probe()).logits - head.bias
        scale = 3 / logits.diff(dim=1).std()
        head.weight *= scale
        head.bias.copy_(-scale * logits.mean(dim=0))
    return model


def spectra(frames: int = 1024) -> torch.Tensor:
    """Two log-mel inputs, one faint and one loud."""
    return 0.3 * torch.randn(2, frames, 128) + torch.tensor([-1.0, 0.6])[:, None, None]


def save_small_ast(folder: Path, frames: int = 1024) -> Path:
    """A two-class AST of the usual front end (128 bins) and few, wide patches."""
    from transformers import ASTConfig, ASTFeatureExtractor, ASTForAudioClassification

    config = ASTConfig(
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        frequency_stride=16,
        time_stride=16,
        max_length=frames,
        initializer_range=0.2,
        id2label={0: "fake", 1: "real"},
        label2id={"fake": 0, "real": 1},
    )
    model = seeded(lambda: ASTForAudioClassification(config), lambda: spectra(frames))
    return save(folder, model, ASTFeatureExtractor(max_length=frames))


def save_card_ast(folder: Path) -> Path:
    """A two-class AST of the full configuration of the card: 86 M parameters, 345 MB."""
    from transformers import ASTConfig, ASTFeatureExtractor, ASTForAudioClassification

    config = ASTConfig(id2label={0: "fake", 1: "real"}, label2id={"fake": 0, "real": 1})
    model = seeded(lambda: ASTForAudioClassification(config), spectra)
    return save(folder, model, ASTFeatureExtractor())
