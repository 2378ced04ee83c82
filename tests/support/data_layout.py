"""Test sets as people have them on disk, made of tiny recordings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile


def record(path: Path, seconds: float = 0.02) -> Path:
    """A short recording at a path whose folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(len(path.name))
    samples = rng.normal(0, 0.1, int(16000 * seconds)).astype(np.float32)
    soundfile.write(path, samples, 16000)
    return path


def write(path: Path, *lines: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def asvspoof2019(root: Path) -> Path:
    write(
        root / "ASVspoof2019_LA_cm_protocols/ASVspoof2019.LA.cm.eval.trl.txt",
        "LA_0039 LA_E_2834763 - A11 spoof",
        "LA_0014 LA_E_8877452 - - bonafide",
    )
    write(
        root / "ASVspoof2019_LA_cm_protocols/ASVspoof2019.LA.cm.dev.trl.txt",
        "LA_0069 LA_D_1047731 - - bonafide",
        "LA_0070 LA_D_1000265 - A01 spoof",
        "LA_0070 LA_D_1000266 - A02 spoof",
    )
    record(root / "ASVspoof2019_LA_eval/flac/LA_E_2834763.flac")
    record(root / "ASVspoof2019_LA_dev/flac/LA_D_1047731.flac")
    return root


def asvspoof2021(root: Path, part: str) -> Path:
    lines = {
        "LA": (
            "LA_0009 LA_E_9332881 alaw ita_tx A07 spoof notrim eval",
            "LA_0010 LA_E_5013670 none loc_tx - bonafide notrim eval",
            "LA_0010 LA_E_5759978 none loc_tx - bonafide notrim progress",
        ),
        "DF": (
            "LA_0023 DF_E_2000011 nocodec asvspoof A14 spoof notrim progress - - - - -",
            "TEF2 DF_E_2000013 low_m4a vcc2020 Task1-team20 spoof notrim eval - - - - -",
            "LA_0048 DF_E_2000058 mp3m4a asvspoof - bonafide notrim eval bonafide - - - -",
        ),
    }[part]
    write(root / f"keys/{part}/CM/trial_metadata.txt", *lines)
    for line in lines:
        record(root / f"ASVspoof2021_{part}_eval/flac/{line.split()[1]}.flac")
    return root


def asvspoof5(root: Path) -> Path:
    write(
        root / "ASVspoof5.eval.track_1.tsv",
        "E_0001 E_0000000001 F C05 3 E_0000000009 AC1 A22 spoof -",
        "E_0002 E_0000000002 M - - - - bonafide bonafide -",
    )
    record(root / "flac_E_eval/E_0000000001.flac")
    return root


def in_the_wild(root: Path) -> Path:
    write(
        root / "meta.csv",
        "file,speaker,label",
        "0.wav,Alec Guinness,spoof",
        '1.wav,"Sagan, Carl",bona-fide',
    )
    record(root / "0.wav")
    record(root / "1.wav")
    return root


def wavefake(root: Path) -> Path:
    record(root / "generated_audio/ljspeech_melgan/LJ001-0001_gen.wav")
    record(root / "generated_audio/ljspeech_hifiGAN/LJ001-0001_generated.wav")
    record(root / "generated_audio/ljspeech_waveglow/LJ001-0002.wav")
    record(root / "generated_audio/jsut_pwg/BASIC5000_0001_gen.wav")
    record(root / "generated_audio/common_voices_prompts_x/gen_0.wav")
    record(root / "LJSpeech-1.1/wavs/LJ001-0001.wav")
    record(root / "jsut_ver1.1/basic5000/wav/BASIC5000_0001.wav")
    record(root / "unknown_vocoder/LJ001-0001.wav")
    return root


def mlaad(root: Path) -> Path:
    folder = root / "fake/en/model_x"
    record(folder / "a_000001.wav")
    record(folder / "a_000002.wav")
    write(
        folder / "meta.csv",
        "path|original_file|language|is_original_language|duration|training_data|model_name",
        "./fake/en/model_x/a_000001.wav"
        "|en_US/by_book/female/judy/novel/wavs/n_01.wav|en|True|1|LJ|vits",
    )
    record(root / "real/en_US/by_book/female/judy/novel/wavs/n_01.wav")
    return root


def fake_or_real(root: Path) -> Path:
    for part in ("training", "validation", "testing"):
        record(root / f"for-2sec/for-2seconds/{part}/real/file1.wav")
        record(root / f"for-2sec/for-2seconds/{part}/fake/file2.wav")
    return root
