"""Random state that depends on what is drawn, never on when: no global state, no call order."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np


def stable_seed(*parts: object) -> int:
    """128-bit seed from the parts' JSON text: the same on every machine and in every process."""
    return int.from_bytes(hashlib.blake2b(canonical(parts), digest_size=16).digest(), "little")


def generator(*parts: object) -> np.random.Generator:
    """Random generator for just these parts, such as (suite seed, clip_id, condition digest)."""
    return np.random.default_rng(stable_seed(*parts))


def digest(value: Any) -> str:
    """First 16 hexadecimal digits of the SHA-256 of the value's canonical JSON."""
    return hashlib.sha256(canonical(value)).hexdigest()[:16]


def canonical(value: Any) -> bytes:
    """JSON with sorted keys and no blanks, as UTF-8."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
