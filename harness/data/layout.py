"""Published test sets as people have them on disk: how each writes down labels and attacks.

A reader takes the directory and the subset and returns clips: the generator is the attack's id, the
group the speaker where a set has many and the source recording where it has one. A layout is added
by one function and one row of `LAYOUTS`.
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

ClipsAndNotes = tuple[list[Clip], list[str]]


@dataclass(frozen=True)
class LayoutRoot:
    """The directory of a test set, the subset to read, and the user's words for both."""

    path: Path
    subset: str
    spec: str
    cells: OptionalCells = field(default_factory=OptionalCells)

    def find(self, *patterns: str) -> Path:
        """Return the one match of the first pattern that matches, at most two folders down.

        Raises
        ------
        UsageError
            Where nothing matches, or more than one thing does.
        """
        for pattern in patterns:
            matches = sorted(
                path for above in ("", "*/", "*/*/") for path in self.path.glob(above + pattern)
            )
            if len(matches) > 1:
                seen = ", ".join(path.relative_to(self.path).as_posix() for path in matches[:4])
                raise UsageError(f"more than one {pattern}: {seen}", self.spec, "name one of them")
            if matches:
                return matches[0]
        raise UsageError(
            f"no {' or '.join(patterns)} in it", self.spec, "give the directory that was unpacked"
        )


@dataclass(frozen=True)
class DataLayout:
    """A published layout.

    Parameters
    ----------
    marks
        Patterns below the root, any of which identifies the layout; one with blanks is several
        that must all match.
    subsets
        The first is the default.
    tabled
        Whether a table lists the recordings, so that some may be missing or unlisted.
    has_classes
        Whether `real/` and `fake/` at the root belong to the layout itself.
    """

    read: Callable[[LayoutRoot], ClipsAndNotes]
    marks: tuple[str, ...]
    subsets: tuple[str, ...] = ("eval",)
    tabled: bool = True
    has_classes: bool = False


def open_layout(kind: str, rest: str, spec: str) -> Listing:
    """Open a published test set; `rest` is `DIR` or `DIR:SUBSET`."""
    subsets = LAYOUTS[kind].subsets
    path, _, subset = rest.rpartition(":")
    if subset not in subsets or not path:
        path, subset = rest, subsets[0]
    if ":" in path and not in_store(path) and not os.path.exists(Path(path).expanduser()):
        raise UsageError(
            f"no subset {path.rpartition(':')[2]!r}", spec, f"take {', '.join(subsets)}"
        )
    return read_layout(kind, directory(path, spec), subset, spec)


def read_layout(kind: str, path: Path, subset: str, spec: str) -> Listing:
    """Read a test set in a directory that exists."""
    layout = LAYOUTS[kind]
    root = LayoutRoot(path, subset, spec)
    try:
        clips, notes = layout.read(root)
    except (OSError, UnicodeDecodeError, csv.Error) as fault:
        raise UsageError(
            f"a file of {kind} cannot be read: {fault}", spec, "unpack the data set again"
        ) from fault
    clips.sort(key=lambda clip: clip.clip_id)
    notes += root.cells.notes
    if layout.tabled:
        ids = {clip.clip_id for clip in clips}
        notes += stale(ids, partial(names_below, path), f"not listed for subset {subset}")
    name = f"{kind}-{subset}" if len(layout.subsets) > 1 else kind
    notes = [f"read as {kind}, subset {subset} of {', '.join(layout.subsets)}", *notes]
    origin = Origin(spec, kind, name, "", notes=tuple(notes))
    return Listing(checked(origin, clips), tuple(at_rest(clips)))


def recognise(root: Path) -> list[str]:
    """Return the kinds whose marks are in a directory."""

    def marked(mark: str) -> bool:
        return all(next(root.glob(pattern), None) for pattern in mark.split())

    return [kind for kind, layout in LAYOUTS.items() if any(map(marked, layout.marks))]


def _label(text: str, where: str) -> Label:
    label = canonical_label(text)
    if label is None:
        raise UsageError(refusal(text), where, "check that this is the protocol's file")
    return label


def _lines(path: Path, columns: int) -> Iterator[tuple[str, list[str]]]:
    """Yield where each line stands and its blank-separated cells, at least so many."""
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


def _clip(root: LayoutRoot, audio: Path, label: Label, **facts: str) -> Clip:
    if not audio.is_relative_to(root.path) or ".." in audio.relative_to(root.path).parts:
        what = f"{audio.name} is listed at a place outside of it"
        raise UsageError(what, str(root.path), "check the protocol file")
    return Clip.of(name_below(audio, root.path), label, audio, root.cells.facts(facts, label))


def _asvspoof2019(root: LayoutRoot) -> ClipsAndNotes:
    """Columns: speaker, file, -, attack, key (Wang et al. 2020, README of the LA part)."""
    ending = "train.trn" if root.subset == "train" else f"{root.subset}.trl"
    table = root.find(f"ASVspoof2019.LA.cm.{ending}.txt")
    audio = root.find(f"ASVspoof2019_LA_{root.subset}/flac")
    clips: list[Clip] = []
    for where, (speaker, name, _, attack, key, *_) in _lines(table, 5):
        facts = {"generator": attack, "speaker": speaker, "source": "ASVspoof2019-LA"}
        clips.append(_clip(root, audio / f"{name}.flac", _label(key, where), **facts))
    return clips, []


def _asvspoof2021(root: LayoutRoot, part: str) -> ClipsAndNotes:
    """Columns: speaker, file, codec, transmission or corpus, attack, key, trim, subset, ...

    Liu et al. 2023, keys and metadata package. LA has the transmission in the fourth column, DF
    the corpus of origin.
    """
    table = root.find(
        f"{part}/CM/trial_metadata.txt", "CM/trial_metadata.txt", "trial_metadata.txt"
    )
    audio = root.find(f"ASVspoof2021_{part}_eval/flac")
    clips: list[Clip] = []
    for where, (speaker, name, codec, fourth, attack, key, _, subset, *_) in _lines(table, 8):
        if not name.startswith(f"{part}_"):
            raise UsageError(f"{name} is not of the {part} part", where, "check the keys")
        if subset != root.subset:
            continue
        source = f"{fourth}/{codec}" if part == "DF" else f"ASVspoof2021-LA/{codec}"
        facts = {"generator": attack, "speaker": speaker, "source": source}
        clips.append(_clip(root, audio / f"{name}.flac", _label(key, where), **facts))
    return clips, ["source is the corpus and the codec of each clip"]


def _asvspoof5(root: LayoutRoot) -> ClipsAndNotes:
    """Columns: speaker, file, sex, codec, quality, seed, tag, attack, key, - (Wang et al. 2024)."""
    table_name, folder = {
        "eval": ("ASVspoof5.eval.track_1.tsv", "flac_E_eval"),
        "dev": ("ASVspoof5.dev.track_1.tsv", "flac_D"),
        "train": ("ASVspoof5.train.tsv", "flac_T"),
    }[root.subset]
    table, audio = root.find(table_name), root.find(folder)
    clips: list[Clip] = []
    for where, (speaker, name, _, codec, _, _, _, attack, key, *_) in _lines(table, 9):
        source = "ASVspoof5" if codec == "-" else f"ASVspoof5/{codec}"
        facts = {"generator": attack, "speaker": speaker, "source": source}
        clips.append(_clip(root, audio / f"{name}.flac", _label(key, where), **facts))
    return clips, ["source is the codec of each clip"]


def _in_the_wild(root: LayoutRoot) -> ClipsAndNotes:
    """`meta.csv` with file, speaker, label (Müller et al. 2022)."""
    table = root.find("meta.csv")
    clips: list[Clip] = []
    for number, row in enumerate(_table(table, ",", ("file", "speaker", "label")), start=2):
        label = _label(row["label"], f"{table}, line {number}")
        file = table.parent / Path(row["file"]).name
        clips.append(_clip(root, file, label, speaker=row["speaker"], source="In-the-Wild"))
    return clips, []


_WAVEFAKE_FAKE = re.compile(r"(ljspeech|jsut)_(?!ver)[a-z]|common_voices_prompts", re.IGNORECASE)
_WAVEFAKE_REAL = re.compile(r"(^|/)(ljspeech-|jsut_ver|wavs/|basic5000/)", re.IGNORECASE)


def _wavefake(root: LayoutRoot) -> ClipsAndNotes:
    """A folder for each vocoder, and one speaker for each corpus (Frank & Schönherr 2021).

    The originals (LJSpeech, JSUT) are published apart and must lie in the same directory. A clip
    and what was made from it share a group.
    """
    clips: list[Clip] = []
    other: set[str] = set()
    files, left = recordings(root.path, root.path)
    for audio in files:
        clip_id = name_below(audio, root.path)
        vocoder = next(filter(_WAVEFAKE_FAKE.match, clip_id.split("/")[:-1]), "")
        if not vocoder and not _WAVEFAKE_REAL.search(clip_id):
            other.add(audio.parent.relative_to(root.path).as_posix())
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


def _mlaad(root: LayoutRoot) -> ClipsAndNotes:
    """`fake/<language>/<model>/` with a `meta.csv`, columns split by `|` (Müller et al. 2024).

    MLAAD has no real clips: those of M-AILABS, from which it was made, belong into `real/`. A fake
    and the recording whose words it says share a group.
    """
    fakes = root.find("fake")
    clips: list[Clip] = []
    files, left = recordings(fakes, root.path)
    by_folder: defaultdict[Path, list[Path]] = defaultdict(list)
    for path in files:
        by_folder[path.parent].append(path)
    unlisted = 0
    columns = ("path", "original_file", "model_name")
    for folder in sorted(by_folder):
        table = folder / "meta.csv"
        listed = _table(table, "|", columns) if table.exists() else []
        rows = {Path(row["path"]).name: row for row in listed}
        for audio in sorted(by_folder[folder]):
            row = rows.get(audio.name, {})
            unlisted += not row
            model = row.get("model_name") or folder.name
            group = _utterance(row.get("original_file", ""))
            clips.append(_clip(root, audio, "fake", generator=model, source="MLAAD", group=group))
    reals = fakes.parent / "real"
    if not reals.is_dir():
        raise UsageError(
            f"MLAAD has only fake clips ({len(clips)}) and there is no real/ beside fake/",
            root.spec,
            "link the real recordings (M-AILABS) there",
        )
    originals, others = recordings(reals, root.path)
    for audio in originals:
        below = audio.relative_to(reals).as_posix()
        reader = re.search(r"by_book/(?:fe)?male/([^/]+)/", below)
        speaker, group = reader[1] if reader else "", _utterance(below)
        clips.append(_clip(root, audio, "real", speaker=speaker, source="M-AILABS", group=group))
    notes = ["group is the utterance"]
    if unlisted:
        verb = "clip is" if unlisted == 1 else "clips are"
        notes.append(f"{unlisted} fake {verb} in no meta.csv: generator from the folder")
    return clips, notes + skipped(left + others)


def _utterance(path: str) -> str:
    """Name a recording of M-AILABS, however much of its path is given."""
    match = re.search(r"[a-z]{2}_[A-Z]{2}/.+|by_book/.+", path)
    return "" if not match else re.sub(r"^.*?by_book/|\.[^./]*$", "", match[0])


def _fake_or_real(root: LayoutRoot) -> ClipsAndNotes:
    """`testing`, `validation`, `training`: `real/` and `fake/` in each (Reimao & Tzerpos 2019)."""
    part = root.find(root.subset)
    folders = class_folders(part, root.spec)
    return list_classes(root.path, folders, root.spec, f"FoR/{part.parent.name}")


LAYOUTS: dict[str, DataLayout] = {
    "asvspoof2019-la": DataLayout(
        _asvspoof2019,
        ("ASVspoof2019.LA.cm.*.txt", "*/ASVspoof2019.LA.cm.*.txt", "*/*/ASVspoof2019.LA.cm.*.txt"),
        ("eval", "dev", "train"),
    ),
    "asvspoof2021-la": DataLayout(
        partial(_asvspoof2021, part="LA"),
        ("ASVspoof2021_LA_eval", "keys/LA/CM/trial_metadata.txt"),
        ("eval", "progress", "hidden"),
    ),
    "asvspoof2021-df": DataLayout(
        partial(_asvspoof2021, part="DF"),
        ("ASVspoof2021_DF_eval", "keys/DF/CM/trial_metadata.txt"),
        ("eval", "progress", "hidden"),
    ),
    "asvspoof5": DataLayout(
        _asvspoof5, ("ASVspoof5.*.tsv", "*/ASVspoof5.*.tsv"), ("eval", "dev", "train")
    ),
    "in-the-wild": DataLayout(_in_the_wild, ("meta.csv 0.wav", "release_in_the_wild/meta.csv")),
    "wavefake": DataLayout(
        _wavefake, ("generated_audio/ljspeech_*", "ljspeech_melgan*"), tabled=False
    ),
    "mlaad": DataLayout(_mlaad, ("fake/*/*/meta.csv",), tabled=False, has_classes=True),
    "for": DataLayout(
        _fake_or_real,
        ("testing/real", "for-*/testing/real", "for-*/for-*/testing/real"),
        ("testing", "validation", "training"),
        tabled=False,
    ),
}
"""Every layout by the word that `--data` takes for it."""
