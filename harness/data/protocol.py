"""Published test sets as people have them on disk: how each writes down labels and attacks.

Every adapter takes the directory and the subset (`dev`, `progress`; the evaluation part unless
said otherwise) and gives clips. The generator is the attack's id, the group the speaker where a set
has many and the source recording where it has one.
"""

from __future__ import annotations

import csv
import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from harness.data.class_names import canonical_label, refusal
from harness.data.clip import Clip, Label, Origin
from harness.data.clip_list import Listing, checked, name_below
from harness.data.folder import class_folders, directory, list_classes, recordings
from harness.data.leftover import names_below, skipped, stale
from harness.data.missing import OptionalCells
from harness.data.store import at_rest, in_store
from harness.errors import UsageError


@dataclass(frozen=True)
class Place:
    """Where a test set is, which part of it is wanted, and how the user said so."""

    root: Path
    subset: str
    spec: str
    cells: OptionalCells = field(default_factory=OptionalCells)

    def find(self, *patterns: str) -> Path:
        """The one thing that matches the first pattern that matches, at most two folders down.

        Raises
        ------
        UsageError
            Where nothing matches, or more than one thing does.
        """
        for pattern in patterns:
            found = sorted(
                path for above in ("", "*/", "*/*/") for path in self.root.glob(above + pattern)
            )
            if len(found) > 1:
                seen = ", ".join(path.relative_to(self.root).as_posix() for path in found[:4])
                raise UsageError(f"more than one {pattern}: {seen}", self.spec, "name one of them")
            if found:
                return found[0]
        raise UsageError(
            f"no {' or '.join(patterns)} in it", self.spec, "give the directory that was unpacked"
        )


_WAVEFAKE_FAKE = re.compile(r"(ljspeech|jsut)_(?!ver)[a-z]|common_voices_prompts", re.IGNORECASE)
_WAVEFAKE_REAL = re.compile(r"(^|/)(ljspeech-|jsut_ver|wavs/|basic5000/)", re.IGNORECASE)

Read = Callable[[Place], tuple[list[Clip], list[str]]]


@dataclass(frozen=True)
class Protocol:
    """One published layout.

    Parameters
    ----------
    marks
        Patterns below the root that only this layout has; any of them gives it away, and where one
        is several with blanks between, all of those together.
    subsets
        The first is the default.
    tabled
        Whether a table lists the recordings, so that some may be missing or unlisted.
    has_classes
        Whether `real/` and `fake/` at the root are a part of the layout itself.
    """

    read: Read
    marks: tuple[str, ...]
    subsets: tuple[str, ...] = ("eval",)
    tabled: bool = True
    has_classes: bool = False


def open_protocol(kind: str, rest: str, spec: str) -> Listing:
    """The clips of a published test set: `rest` is `DIR` or `DIR:SUBSET`."""
    protocol = PROTOCOLS[kind]
    path, _, subset = rest.rpartition(":")
    if subset not in protocol.subsets or not path:
        path, subset = rest, protocol.subsets[0]
    if ":" in path and not in_store(path) and not os.path.exists(Path(path).expanduser()):
        raise UsageError(
            f"no subset {path.rpartition(':')[2]!r}", spec, f"take {', '.join(protocol.subsets)}"
        )
    return read_protocol(kind, directory(path, spec), subset, spec)


def read_protocol(kind: str, root: Path, subset: str, spec: str) -> Listing:
    """The clips of a test set in a directory that is there."""
    protocol = PROTOCOLS[kind]
    place = Place(root, subset, spec)
    try:
        clips, notes = protocol.read(place)
    except (OSError, UnicodeDecodeError, csv.Error) as fault:
        raise UsageError(
            f"a file of {kind} cannot be read: {fault}", spec, "unpack the data set again"
        ) from fault
    clips.sort(key=lambda clip: clip.clip_id)
    notes += place.cells.notes
    if protocol.tabled:
        ids = {clip.clip_id for clip in clips}
        there = partial(names_below, root)
        notes += stale(ids, there, f"not listed for subset {subset}")
    subset_name = f"-{subset}" if len(protocol.subsets) > 1 else ""
    subset_note = f"read as {kind}, subset {subset} of {', '.join(protocol.subsets)}"
    origin = Origin(spec, kind, kind + subset_name, "", notes=(subset_note, *notes))
    return Listing(checked(origin, clips), tuple(at_rest(clips)))


def recognise(root: Path) -> list[str]:
    """The kinds whose marks are in a directory."""
    return [
        kind
        for kind, protocol in PROTOCOLS.items()
        if any(
            all(next(root.glob(pattern), None) for pattern in mark.split())
            for mark in protocol.marks
        )
    ]


def _label(text: str, where: str) -> Label:
    label = canonical_label(text)
    if label is None:
        raise UsageError(refusal(text), where, "check that this is the protocol's file")
    return label


def _rows(path: Path, columns: int) -> Iterator[tuple[str, list[str]]]:
    """Blank-separated lines with at least so many columns; where each stands, and its cells."""
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            cells = line.split()
            where = f"{path}, line {number}"
            if cells and len(cells) < columns:
                raise UsageError(
                    f"{len(cells)} columns instead of {columns}", where, "check the protocol file"
                )
            if cells:
                yield where, cells


def _clip(
    audio: Path, place: Place, label: Label, attack: str, speaker: str, source: str, group: str = ""
) -> Clip:
    root, cells = place.root, place.cells
    if not audio.is_relative_to(root) or ".." in audio.relative_to(root).parts:
        raise UsageError(
            f"{audio.name} is listed at a place outside of it", str(root), "check the protocol file"
        )
    return Clip(
        name_below(audio, root),
        label,
        audio,
        generator="" if label == "real" else cells.read("generator", attack),
        source=source,
        speaker=cells.read("speaker", speaker),
        group=group,
    )


def _asvspoof2019(place: Place) -> tuple[list[Clip], list[str]]:
    """Columns: speaker, file, -, attack, key (Wang et al. 2020, README of the LA part)."""
    ending = "train.trn" if place.subset == "train" else f"{place.subset}.trl"
    table = place.find(f"ASVspoof2019.LA.cm.{ending}.txt")
    audio = place.find(f"ASVspoof2019_LA_{place.subset}/flac")
    clips: list[Clip] = []
    for where, (speaker, name, _, attack, key, *_) in _rows(table, 5):
        file = audio / f"{name}.flac"
        label = _label(key, where)
        clips.append(_clip(file, place, label, attack, speaker, "ASVspoof2019-LA"))
    return clips, []


def _asvspoof2021(place: Place, part: str) -> tuple[list[Clip], list[str]]:
    """Columns: speaker, file, codec, transmission or corpus, attack, key, trim, subset, ...

    Liu et al. 2023, keys and metadata package. LA has the transmission in the fourth column, DF
    the corpus of origin.
    """
    table = place.find(
        f"{part}/CM/trial_metadata.txt", "CM/trial_metadata.txt", "trial_metadata.txt"
    )
    audio = place.find(f"ASVspoof2021_{part}_eval/flac")
    clips: list[Clip] = []
    for where, (speaker, name, codec, fourth, attack, key, _, subset, *_) in _rows(table, 8):
        if not name.startswith(f"{part}_"):
            raise UsageError(f"{name} is not of the {part} part", where, "check the keys")
        if subset != place.subset:
            continue
        source = f"{fourth}/{codec}" if part == "DF" else f"ASVspoof2021-LA/{codec}"
        file = audio / f"{name}.flac"
        clips.append(_clip(file, place, _label(key, where), attack, speaker, source))
    return clips, ["source is the corpus and the codec of each clip"]


def _asvspoof5(place: Place) -> tuple[list[Clip], list[str]]:
    """Columns: speaker, file, sex, codec, quality, seed, tag, attack, key, - (Wang et al. 2024)."""
    table_name, folder = {
        "eval": ("ASVspoof5.eval.track_1.tsv", "flac_E_eval"),
        "dev": ("ASVspoof5.dev.track_1.tsv", "flac_D"),
        "train": ("ASVspoof5.train.tsv", "flac_T"),
    }[place.subset]
    table, audio = place.find(table_name), place.find(folder)
    clips: list[Clip] = []
    for where, (speaker, name, _, codec, _, _, _, attack, key, *_) in _rows(table, 9):
        source = "ASVspoof5" if codec == "-" else f"ASVspoof5/{codec}"
        file = audio / f"{name}.flac"
        clips.append(_clip(file, place, _label(key, where), attack, speaker, source))
    return clips, ["source is the codec of each clip"]


def _in_the_wild(place: Place) -> tuple[list[Clip], list[str]]:
    """`meta.csv` with file, speaker, label (Müller et al. 2022)."""
    table = place.find("meta.csv")
    clips: list[Clip] = []
    for number, row in enumerate(_table(table, ",", ("file", "speaker", "label")), start=2):
        label = _label(row["label"], f"{table}, line {number}")
        file = table.parent / Path(row["file"]).name
        clips.append(_clip(file, place, label, "", row["speaker"], "In-the-Wild"))
    return clips, []


def _wavefake(place: Place) -> tuple[list[Clip], list[str]]:
    """One folder a vocoder, all of one speaker a corpus (Frank & Schönherr 2021).

    The originals (LJSpeech, JSUT) are published apart and must lie in the same directory. A clip
    and what was made from it share a group.
    """
    clips: list[Clip] = []
    other: set[str] = set()
    found, left = recordings(place.root, place.root)
    for audio in found:
        clip_id = name_below(audio, place.root)
        vocoder = next(filter(_WAVEFAKE_FAKE.match, clip_id.split("/")[:-1]), "")
        if not vocoder and not _WAVEFAKE_REAL.search(clip_id):
            other.add(audio.parent.relative_to(place.root).as_posix())
            continue
        corpus = "jsut" if re.search("jsut|basic5000", clip_id, re.IGNORECASE) else "ljspeech"
        stem = re.sub(r"_gen(erated)?$", "", audio.stem)
        known = re.fullmatch(r"LJ\d{3}-\d{4}|[A-Z][A-Z0-9-]+_\d+", stem)
        clips.append(
            Clip(
                clip_id,
                "fake" if vocoder else "real",
                audio,
                generator=vocoder,
                source=f"WaveFake/{corpus}",
                speaker=corpus,
                group=f"{corpus}/{stem}" if known else clip_id,
            )
        )
    notes = ["group is the utterance"]
    if other:
        notes.append(f"neither a vocoder's folder nor the originals': {', '.join(sorted(other))}")
    return clips, notes + skipped(left)


def _mlaad(place: Place) -> tuple[list[Clip], list[str]]:
    """`fake/<language>/<model>/` with a `meta.csv`, columns split by `|` (Müller et al. 2024).

    MLAAD has no real clips: those of M-AILABS, from which it was made, belong into `real/`. A fake
    and the recording whose words it says share a group.
    """
    fakes = place.find("fake")
    clips: list[Clip] = []
    found, left = recordings(fakes, place.root)
    by_folder: defaultdict[Path, list[Path]] = defaultdict(list)
    for path in found:
        by_folder[path.parent].append(path)
    untold = 0
    for folder in sorted(by_folder):
        table = folder / "meta.csv"
        columns = ("path", "original_file", "model_name")
        rows = {
            Path(row["path"]).name: row
            for row in (_table(table, "|", columns) if table.exists() else [])
        }
        for audio in sorted(by_folder[folder]):
            row = rows.get(audio.name, {})
            untold += not row
            model = row.get("model_name") or folder.name
            group = _utterance(row.get("original_file", ""))
            clips.append(_clip(audio, place, "fake", model, "", "MLAAD", group))
    reals = fakes.parent / "real"
    if not reals.is_dir():
        raise UsageError(
            f"MLAAD has only fake clips ({len(clips)}) and there is no real/ beside fake/",
            place.spec,
            "link the real recordings (M-AILABS) there",
        )
    originals, others = recordings(reals, place.root)
    for audio in originals:
        below = audio.relative_to(reals).as_posix()
        reader = re.search(r"by_book/(?:fe)?male/([^/]+)/", below)
        speaker = reader[1] if reader else ""
        clips.append(_clip(audio, place, "real", "", speaker, "M-AILABS", _utterance(below)))
    notes = ["group is the utterance"]
    if untold:
        verb = "clip is" if untold == 1 else "clips are"
        notes.append(f"{untold} fake {verb} in no meta.csv: generator from the folder")
    return clips, notes + skipped(left + others)


def _utterance(path: str) -> str:
    """A recording of M-AILABS, however much of its path is given."""
    found = re.search(r"[a-z]{2}_[A-Z]{2}/.+|by_book/.+", path)
    return "" if not found else re.sub(r"^.*?by_book/|\.[^./]*$", "", found[0])


def _fake_or_real(place: Place) -> tuple[list[Clip], list[str]]:
    """`testing`, `validation`, `training`: `real/` and `fake/` in each (Reimao & Tzerpos 2019)."""
    part = place.find(place.subset)
    folders = class_folders(part, place.spec)
    return list_classes(place.root, folders, place.spec, f"FoR/{part.parent.name}")


def _table(path: Path, delimiter: str, columns: Sequence[str]) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        quoting = csv.QUOTE_NONE if delimiter == "|" else csv.QUOTE_MINIMAL
        reader = csv.DictReader(file, delimiter=delimiter, quoting=quoting)
        if missing := [name for name in columns if name not in (reader.fieldnames or [])]:
            raise UsageError(
                f"no column {missing[0]!r} but {', '.join(reader.fieldnames or ['none at all'])}",
                f"{path}, line 1",
                "check the file",
            )
        return [{name: row[name] or "" for name in columns} for row in reader]


PROTOCOLS: dict[str, Protocol] = {
    "asvspoof2019-la": Protocol(
        _asvspoof2019,
        ("ASVspoof2019.LA.cm.*.txt", "*/ASVspoof2019.LA.cm.*.txt", "*/*/ASVspoof2019.LA.cm.*.txt"),
        ("eval", "dev", "train"),
    ),
    "asvspoof2021-la": Protocol(
        lambda place: _asvspoof2021(place, "LA"),
        ("ASVspoof2021_LA_eval", "keys/LA/CM/trial_metadata.txt"),
        ("eval", "progress", "hidden"),
    ),
    "asvspoof2021-df": Protocol(
        lambda place: _asvspoof2021(place, "DF"),
        ("ASVspoof2021_DF_eval", "keys/DF/CM/trial_metadata.txt"),
        ("eval", "progress", "hidden"),
    ),
    "asvspoof5": Protocol(
        _asvspoof5,
        ("ASVspoof5.*.tsv", "*/ASVspoof5.*.tsv"),
        ("eval", "dev", "train"),
    ),
    "in-the-wild": Protocol(_in_the_wild, ("meta.csv 0.wav", "release_in_the_wild/meta.csv")),
    "wavefake": Protocol(
        _wavefake, ("generated_audio/ljspeech_*", "ljspeech_melgan*"), tabled=False
    ),
    "mlaad": Protocol(_mlaad, ("fake/*/*/meta.csv",), tabled=False, has_classes=True),
    "for": Protocol(
        _fake_or_real,
        ("testing/real", "for-*/testing/real", "for-*/for-*/testing/real"),
        ("testing", "validation", "training"),
        tabled=False,
    ),
}
"""Every layout by the word that `--data` takes for it."""
