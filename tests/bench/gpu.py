"""A full-size AST on a device: the limit of the hardware, and the speed of the harness.

`python -m tests.bench.gpu [--device cuda|cpu] [--sample N] [--compile] [--page]` prints a table,
writes `gpu.json` (for `python -m tests.bench.page gpu.json`) and takes under eight minutes on a
GPU; what it has no time for is listed as left out. On a processor it is a trial of the code.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
import wave as wav
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tests.bench import full, ours, rival
from tests.bench.contest import Sheet, times
from tests.bench.page import machine, table, write
from tests.support.small_model import save_card_ast

RATE_HZ = 16_000
_LOOP = "the card's loop, samples in memory"
_WHOLE = "end to end, harness run"
_DTYPES = {
    "float32": torch.float32,
    "tf32": torch.float32,
    "bf16": torch.bfloat16,
    "fp16": torch.float16,
}


@dataclass(frozen=True)
class Row:
    """One measurement."""

    what: str
    precision: str
    batch: int
    clips_per_second: float
    flops_per_second: float
    share: float


@dataclass
class Bench:
    """The measurements on one device."""

    device: torch.device
    sample: int
    """Clips of the end-to-end run; the card's loop and the extractor get a few of them."""
    deadline: float
    """On the clock of `time.monotonic`; nothing begins after it."""
    folder: Path
    compiled: bool = False
    """Whether to repeat the end-to-end run with a compiled model."""
    json: Path = Path("gpu.json")
    """Rewritten with every row, so that an interruption loses nothing."""
    flops: int = 0
    rates: dict[str, float] = field(default_factory=dict[str, float])
    rows: list[Row] = field(default_factory=list[Row])
    left_out: list[str] = field(default_factory=list[str])

    @property
    def on_gpu(self) -> bool:
        return self.device.type == "cuda"

    @property
    def precisions(self) -> tuple[str, ...]:
        return ("bf16", "fp16", "tf32", "float32") if self.on_gpu else ("float32",)

    @property
    def batches(self) -> tuple[int, ...]:
        sizes = (32, 64, 128, 256) if self.on_gpu else (1, 4)
        return tuple(size for size in sizes if size <= self.sample) or (self.sample,)

    def in_time(self, what: str) -> bool:
        if time.monotonic() < self.deadline:
            return True
        self.left_out.append(what)
        return False

    def add(self, what: str, precision: str, batch: int, clips_per_second: float) -> Row:
        done = clips_per_second * self.flops
        row = Row(what, precision, batch, clips_per_second, done, done / self.rates[precision])
        self.rows.append(row)
        print(_line(row), flush=True)
        self.json.write_text(json.dumps(self.content(), indent=1) + "\n", encoding="utf-8")
        return row

    def content(self) -> dict[str, Any]:
        name = torch.cuda.get_device_name(self.device) if self.on_gpu else "cpu"
        found = {"device": name, "torch": torch.__version__, "flops_per_clip": self.flops}
        found["machine"] = machine(name)
        rows = [asdict(row) for row in self.rows]
        return {**found, "matrix_rate": self.rates, "measured": rows, **asdict(sheet_of(self))}

    def timed(self, call: Callable[[], Any]) -> float:
        with torch.inference_mode():
            return full.median_seconds(call, self.device, least=2.0 if self.on_gpu else 0.1)


def main() -> None:
    parser = argparse.ArgumentParser(description="a full-size AST on a device")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--sample", type=int, help="clips end to end")
    parser.add_argument("--minutes", type=float, default=6.5, help="begin nothing after this")
    parser.add_argument("--json", type=Path, default=Path("gpu.json"))
    parser.add_argument("--compile", action="store_true", help="end to end also compiled")
    parser.add_argument("--page", action="store_true", help="write the table to docs/speed.md")
    options = parser.parse_args()
    device = torch.device(options.device)
    sample = options.sample or (24_576 if device.type == "cuda" else 4)
    with tempfile.TemporaryDirectory() as folder:
        deadline = time.monotonic() + 60 * options.minutes
        bench = Bench(device, sample, deadline, Path(folder), options.compile, options.json)
        measure(bench)
    sheet, where = sheet_of(bench), bench.content()["machine"]
    print(f"\n{where}\n\n{table(sheet.head, sheet.rows)}\n\n{' '.join(sheet.notes)}")
    if options.page:
        write([asdict(sheet)], where=where)


def measure(bench: Bench) -> None:
    """Measure the most important first, as time may run out."""
    checkpoint = save_card_ast(bench.folder / "ast")
    model = _model(checkpoint, bench.device, torch.float32)
    bench.flops = full.counted_flops(model)
    del model
    for precision in bench.precisions:
        with _products(bench.device, precision):
            bench.rates[precision] = full.matrix_rate(bench.device, _DTYPES[precision])
        rate = bench.rates[precision] / 1e12
        print(f"matrix product, {precision}: {rate:.2f} TFLOP/s", flush=True)
    first = bench.precisions[0]
    best = _forward(bench, checkpoint, first)
    _card(bench, checkpoint)
    _end_to_end(bench, checkpoint, first, best.batch)
    if bench.compiled and bench.in_time("end to end, compiled"):
        _end_to_end(bench, checkpoint, first, max(best.batch, 2), compiled=True)
    _features(bench, first)
    _attention(bench, checkpoint, first, best.batch)
    for precision in bench.precisions[1:]:
        if bench.in_time(f"forward in {precision}"):
            _forward(bench, checkpoint, precision, (best.batch,))
    for mode in ("default", "reduce-overhead") if bench.on_gpu else ():
        if bench.in_time(f"torch.compile, {mode}"):
            _compiled(bench, checkpoint, first, best.batch, mode)


def _forward(bench: Bench, checkpoint: Path, precision: str, batches: tuple[int, ...] = ()) -> Row:
    """Time the model alone, on features on the device; return the row of the best batch size."""
    model = _model(checkpoint, bench.device, _DTYPES[precision])
    rows: list[Row] = []
    with _products(bench.device, precision):
        for batch in batches or bench.batches:
            inputs = _spectra(bench, precision, batch)
            took = bench.timed(lambda inputs=inputs: model(inputs))
            rows.append(bench.add("forward alone", precision, batch, batch / took))
    return max(rows, key=lambda row: row.clips_per_second)


def _attention(bench: Bench, checkpoint: Path, precision: str, batch: int) -> None:
    if not bench.in_time("attention without the fused kernel"):
        return
    model = _model(checkpoint, bench.device, _DTYPES[precision], attn_implementation="eager")
    inputs = _spectra(bench, precision, batch)
    took = bench.timed(lambda: model(inputs))
    bench.add("forward alone, attention not fused", precision, batch, batch / took)


def _compiled(bench: Bench, checkpoint: Path, precision: str, batch: int, mode: str) -> None:
    model = _model(checkpoint, bench.device, _DTYPES[precision])
    compiled = torch.compile(model, mode=mode)
    inputs = _spectra(bench, precision, batch)
    began = time.perf_counter()
    with torch.inference_mode():
        compiled(inputs)
        full.wait(bench.device)
    first = time.perf_counter() - began
    took = bench.timed(lambda: compiled(inputs))
    graphs = ", CUDA graphs" if mode == "reduce-overhead" else ""
    words = f"forward alone, compiled{graphs} (first call {first:.0f} s)"
    bench.add(words, precision, batch, batch / took)


def _features(bench: Bench, precision: str) -> None:
    from transformers import ASTFeatureExtractor

    from harness.detector.frontend import LogMel

    batch = bench.batches[-1]
    log_mel, clips = LogMel(ASTFeatureExtractor(), bench.device), full.noise(batch)
    took = bench.timed(lambda: log_mel(clips))
    bench.add("features alone, from samples in memory", precision, batch, batch / took)


def _card(bench: Bench, checkpoint: Path) -> None:
    card = rival.CardLoop(checkpoint, str(bench.device))
    clips = full.noise(min(bench.sample, 100 if bench.on_gpu else 2))
    for clip in clips[:2]:
        card.score(clip, RATE_HZ)
    began = time.perf_counter()
    for clip in clips:
        card.score(clip, RATE_HZ)
    took = time.perf_counter() - began
    bench.add(_LOOP, "float32", 1, len(clips) / took)


def _end_to_end(
    bench: Bench, checkpoint: Path, precision: str, batch: int, compiled: bool = False
) -> None:
    """Time a run from files to the table of scores, with and without its start.

    The start is that of the workers, the self-check and compiling. The report is not counted.
    """
    data = _recordings(bench.folder / "clips", bench.sample)
    options: dict[str, Any] = {
        "suite": "heldout",
        "data": str(data),
        "models": (str(checkpoint),),
        "device": str(bench.device),
        "precision": precision,
        "batch_size": batch,
        "compiled": compiled,
    }
    done = ours.score(bench.folder / "run", **options)
    spent = done.outcome.record.parts[-1].scoring_seconds
    print(f"    {spent}, {done.scoring:.1f} s in all", flush=True)
    words = _WHOLE + ", compiled" * compiled
    bench.add(words, precision, batch, done.scores / done.scoring)
    words = f"{words}, after {spent['check']:.1f} s of start and self-check"
    bench.add(words, precision, batch, done.scores / (done.scoring - spent["check"]))


def _recordings(folder: Path, count: int) -> Path:
    """WAV files of 5 s at 16 kHz, 16 bits; no two alike."""
    rng = np.random.default_rng(5)
    base = (3000 * rng.standard_normal(RATE_HZ * full.SECONDS)).astype(np.int16)
    if folder.exists():
        return folder
    for label in ("real", "fake"):
        (folder / label).mkdir(parents=True)
    for number in range(max(count, 2)):
        path = folder / ("real", "fake")[number % 2] / f"{number:06}.wav"
        with wav.open(str(path), "wb") as file:
            file.setparams((1, 2, RATE_HZ, 0, "NONE", ""))
            file.writeframes(np.roll(base, 7 * number).tobytes())
    return folder


def _model(checkpoint: Path, device: torch.device, dtype: torch.dtype, **how: Any) -> Any:
    from transformers import AutoModelForAudioClassification

    model = AutoModelForAudioClassification.from_pretrained(checkpoint, dtype=dtype, **how)
    return model.eval().to(device)


def _spectra(bench: Bench, precision: str, batch: int) -> torch.Tensor:
    return torch.randn(batch, 1024, 128, device=bench.device, dtype=_DTYPES[precision])


def _products(device: torch.device, precision: str) -> Any:
    from harness.detector.device import matrix_precision

    return matrix_precision(device, tf32=precision == "tf32")


def sheet_of(bench: Bench) -> Sheet:
    sheet = Sheet("gpu", ["", "precision", "batch", "clips/s", "TFLOP/s", "of the matrix rate"])
    for precision, rate in bench.rates.items():
        sheet.rows.append(["matrix product", precision, "", "", f"{rate / 1e12:.2f}", "100 %"])
    sheet.rows += [list(_cells(row)) for row in bench.rows]
    sheet.notes.append(
        f"{bench.flops / 1e9:.0f} GFLOP a clip, counted; clips of 5 s; {bench.sample} of them end "
        "to end, from WAV files to the table of scores, start of the workers included."
    )
    if bench.left_out:
        sheet.notes.append(f"No time for: {', '.join(bench.left_out)}.")
    if bench.on_gpu:
        _targets(bench, sheet)
    return sheet


def _targets(bench: Bench, sheet: Sheet) -> None:
    first = bench.precisions[0]

    def best(what: str) -> float:
        """Clips a second in the first precision, or in float32 where there is no other."""
        of = (row for row in bench.rows if row.what == what or row.what.startswith(what + " "))
        rates = (row.clips_per_second for row in of if row.precision in (first, "float32"))
        return max(rates, default=0.0)

    if not best("forward alone"):
        return
    alone = [r for r in bench.rows if r.what == "forward alone" and r.precision == first]
    share = max(row.share for row in alone)
    sheet.target("forward", f"{100 * share:.0f} %", share >= 0.5)
    whole, after, loop = (
        best(_WHOLE),
        best(f"{_WHOLE}, after"),
        best("the card's loop, samples in memory"),
    )
    if not after:
        return
    rate = max(row.clips_per_second for row in alone)
    shares = f"{100 * whole / rate:.0f} %; {100 * after / rate:.0f} % after the start"
    sheet.target("end_to_end", shares, whole >= 0.9 * rate)
    ratios = f"{times(whole / loop)}; {times(after / loop)} after the start"
    sheet.target("gpu_loop", ratios, whole >= 15 * loop)


def _cells(row: Row) -> Iterator[str]:
    rate = row.clips_per_second
    shown = f"{rate:,.0f}" if rate >= 100 else f"{rate:.3g}"
    yield from (row.what, row.precision, str(row.batch), shown)
    if row.what.startswith("features"):
        yield from ("", "")
    else:
        yield from (f"{row.flops_per_second / 1e12:.3g}", f"{100 * row.share:.0f} %")


def _line(row: Row) -> str:
    return "  ".join(_cells(row))


if __name__ == "__main__":
    main()
