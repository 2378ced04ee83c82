"""One split of a hub data set: its labels, its audio, and the refusals of the hub in words."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.data.hub_column import DataColumn
from harness.errors import UsageError

_SAY_TOKEN = "accept its conditions on its page and set HF_TOKEN to a token that may read it"  # noqa: S105


class Unreachable(UsageError):
    """The hub does not answer."""


@dataclass(frozen=True)
class Split:
    """One split at one commit.

    `parquet` are its files in order; empty where it is not Parquet and rows are streamed.
    """

    spec: str
    repo: str
    sha: str
    config: str
    name: str
    parquet: tuple[str, ...] = ()

    @property
    def cache(self) -> Path:
        """The folder that keeps its audio on this machine."""
        from datasets import config

        folder = Path(config.HF_DATASETS_CACHE) / "harness-audio" / self.repo.replace("/", "--")
        return folder / self.sha / self.config / self.name

    def values(self, columns: Sequence[DataColumn], audio: DataColumn) -> list[dict[str, Any]]:
        """Return these columns of every row and, as `audio_path`, the name of its audio."""
        names = [column.name for column in columns]
        with explained(self.spec):
            rows = (
                self._values_parquet(names, audio.name)
                if self.parquet
                else self._stream([*names, audio.name])
            )
            return [
                {name: row[name] for name in names} | {"audio_path": _path(row.get(audio.name))}
                for row in rows
            ]

    def audio(self, column: str, rows: Sequence[int]) -> Iterator[tuple[int, bytes | None]]:
        """Yield the encoded audio of ascending rows; None where the data set has none."""
        with explained(self.spec):
            if self.parquet:
                yield from self._audio_parquet(column, rows)
                return
            needed = set(rows)
            for number, row in enumerate(self._stream([column])):
                if number in needed:
                    yield number, _content(row[column])
                if number >= rows[-1]:
                    return

    def _values_parquet(self, names: list[str], audio: str) -> Iterator[dict[str, Any]]:
        import pyarrow as pa

        for file in self._files():
            stored = file.schema_arrow.field(audio).type
            named = pa.types.is_struct(stored) and stored.get_field_index("path") >= 0
            leaf = [f"{audio}.path"] if named else []
            yield from file.read(columns=[*names, *leaf]).to_pylist()

    def _audio_parquet(
        self, column: str, rows: Sequence[int]
    ) -> Iterator[tuple[int, bytes | None]]:
        first = 0
        for file in self._files():
            for group in range(file.num_row_groups):
                last = first + file.metadata.row_group(group).num_rows
                needed = [row for row in rows if first <= row < last]
                if needed:
                    cells = file.read_row_group(group, columns=[column]).column(column)
                    for row in needed:
                        yield row, _content(cells[row - first].as_py())
                first = last

    def _files(self) -> Iterator[Any]:
        import pyarrow.parquet as pq
        from huggingface_hub import HfFileSystem

        system = HfFileSystem()
        for name in self.parquet:
            # A cache that reads ahead would fetch the audio that lies between the labels.
            with system.open(name, "rb", cache_type="none") as file:
                yield pq.ParquetFile(file, pre_buffer=True, page_checksum_verification=True)

    def _stream(self, columns: list[str]) -> Iterator[dict[str, Any]]:
        import datasets

        def load(features: Any = None) -> Any:
            builder = datasets.load_dataset_builder(
                self.repo, self.config, revision=self.sha, features=features
            )
            rows: Any = builder.as_streaming_dataset(self.name)
            return rows.decode(False)

        features = load().features.copy()
        for name, feature in features.items():
            if isinstance(feature, datasets.Audio):
                features[name] = _still_encoded()
        return iter(load(features).select_columns(columns))


def choose_split(names: list[str], named: str | None, spec: str) -> tuple[str, str]:
    """Return the split to read, and a note that says why.

    Raises
    ------
    UsageError
        Where the named one does not exist, or none is named and none is for evaluation.
    """
    if named is not None:
        if named not in names:
            raise UsageError(f"no split {named!r}", spec, f"take {', '.join(names)}")
        return named, f"split {named}, as asked"
    for name in ("test", "validation"):
        if name in names:
            return name, f"split {name} of {', '.join(names)}"
    if len(names) == 1:
        return names[0], f"split {names[0]}, the only one"
    raise UsageError(
        f"no test or validation split but {', '.join(names)}", spec, f"write {spec}:{names[0]}"
    )


@contextmanager
def explained(spec: str) -> Generator[None]:
    """Turn what the hub refuses into a UsageError that says what to do."""
    import datasets
    from datasets.exceptions import DatasetsError
    from huggingface_hub import errors
    from huggingface_hub.utils import logging

    # The HTTP library's own error: which library that is differs between versions of the hub's.
    no_answer: type[Exception] = errors.HfHubHTTPError.__bases__[0]
    verbosity = logging.get_verbosity(), datasets.logging.get_verbosity()
    logging.set_verbosity_error()
    datasets.logging.set_verbosity(datasets.logging.CRITICAL)
    try:
        yield
    except (no_answer, DatasetsError, OSError, ValueError) as fault:
        # The hub's error may be wrapped in one of `datasets`.
        chain: list[BaseException] = [fault]
        while (cause := chain[-1].__cause__ or chain[-1].__context__) is not None:
            chain.append(cause)
        answers = [error for error in chain if isinstance(error, errors.HfHubHTTPError)]
        if answers:
            what, fix = _refusal(answers[0])
        elif any(isinstance(error, (no_answer, ConnectionError)) for error in chain):
            what = "the hub cannot be reached"
            fix = "check the network and HF_HUB_OFFLINE, or give a folder that is on this machine"
            raise Unreachable(what, spec, fix) from fault
        else:
            what = f"cannot be read: {str(fault).partition(chr(10))[0].rstrip('.')}"
            fix = "see ?config=NAME and :split"
        raise UsageError(what, spec, fix) from fault
    finally:
        logging.set_verbosity(verbosity[0])
        datasets.logging.set_verbosity(verbosity[1])


def _refusal(answer: Any) -> tuple[str, str]:
    """Return what a refusal of the hub means, and what to do."""
    from huggingface_hub import errors

    status = answer.response.status_code
    if isinstance(answer, errors.GatedRepoError):
        return "gated: it is not open to you", _SAY_TOKEN
    if isinstance(answer, errors.RepositoryNotFoundError):
        fix = "check the name, or set HF_TOKEN to a token that may read it"
        return "no such data set on the hub, or a private one", fix
    if isinstance(answer, errors.RevisionNotFoundError):
        return "no such revision", "name a branch, tag or commit"
    if status in (401, 403):
        return f"the hub refuses it ({status})", _SAY_TOKEN
    return f"the hub answered {status}", "try again later"


def _still_encoded() -> Any:
    """Return the type of a column whose audio stays as it is stored.

    The audio type of `datasets` imports torchcodec, which needs a system library, even where
    nothing is decoded.
    """
    import datasets

    class StillEncoded(datasets.Audio):
        def encode_example(self, value: Any) -> Any:
            return value if isinstance(value, dict) else {"bytes": None, "path": value}

    return StillEncoded(decode=False)


def _path(cell: Any) -> str:
    return str(cell.get("path") or "") if isinstance(cell, dict) else ""


def _content(cell: Any) -> bytes | None:
    """Return the bytes of an audio cell, or of the file of the hub that it names."""
    if isinstance(cell, bytes):
        return cell
    if isinstance(cell, dict) and cell.get("bytes") is not None:
        return cell["bytes"]
    path = _path(cell)
    if not path.rpartition("::")[2].startswith("hf://"):
        return None
    from datasets.utils.file_utils import xopen

    with xopen(path, "rb") as file:
        return bytes(file.read())
