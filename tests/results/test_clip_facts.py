"""One list of facts: what a row of it reaches, and further columns of a manifest as slices."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pandas as pd

from harness.results.clip_facts import COLUMNS, EXTRA, columns, slice_values
from harness.summary.summary import summarise
from tests.summary.test_summary import CLEAN_SCORES, record, rows


def test_facts_without_a_column_are_kept_as_json() -> None:
    kept = columns({"speaker": "s", "snr": "20", "channel": "télé", "codec": ""})
    assert tuple(kept) == COLUMNS
    assert (kept["speaker"], kept["source"]) == ("s", "")
    assert json.loads(kept[EXTRA]) == {"channel": "télé", "snr": "20"}
    assert columns({"speaker": "s"})[EXTRA] == ""


def test_slices_are_of_sliced_facts_and_of_every_further_one() -> None:
    table = pd.DataFrame(
        {
            "source": ["x", "y", "", "x"],
            "generator": ["", "A", "B", "A"],
            EXTRA: ['{"snr": "20"}', "", None, '{"channel": "phone", "snr": "5"}'],
        }
    )
    values = {name: list(column) for name, column in slice_values(table).items()}
    assert values == {
        "source": ["x", "y", "", "x"],
        "generator": ["", "A", "B", "A"],
        "channel": ["", "", "", "phone"],
        "snr": ["20", "", "", "5"],
    }
    assert set(slice_values(table.drop(columns=EXTRA))) == {"source", "generator"}


def test_a_fact_is_added_by_one_row(tmp_path: Path) -> None:
    """It is read under any of its names, kept in the table, sliced; older tables open without."""
    script = f"""
        import importlib.util, sys, types
        from pathlib import Path

        name = "harness.results.clip_facts"
        source = Path(importlib.util.find_spec(name).origin).read_text()
        row = 'Fact("language", ("lang",), sliced=True, since=4)'
        clip_facts = sys.modules[name] = types.ModuleType(name)
        exec(source.replace("FACTS = (", f"FACTS = ({{row}},"), vars(clip_facts))

        from harness.data.hub_column import DataColumn, fact_columns
        from harness.data.source import open_source
        from harness.results.schema import SCHEMA, VERSION
        from harness.results.scores import ScoresWriter, read_scores

        lang = DataColumn("Lang", "text")
        assert fact_columns([lang], []) == {{"language": lang}}
        folder = Path({str(tmp_path)!r})
        listed = folder / "list.csv"
        listed.write_text("path,label,language\\na.wav,real,de\\nb.wav,fake,\\n")
        clips = list(open_source(str(listed)))
        with ScoresWriter(folder) as writer:
            keys = {{"model": "m", "condition": "clean", "status": "ok"}}
            writer.append(
                {{"clip_id": c.clip_id, **keys, **clip_facts.columns(c.facts)}} for c in clips
            )
        table = read_scores(folder)
        assert VERSION == 4 and list(table.columns) == SCHEMA.names
        assert list(table["language"]) == ["de", ""]
        assert list(clip_facts.slice_values(table)["language"]) == ["de", ""]
        old = read_scores(Path("tests/runs/version-3"))
        assert set(old["language"]) == {{""}}
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=True)


def test_a_further_column_is_a_slice_of_the_figures() -> None:
    """Its two values divide every clip of `clean`, with coverage, beside the slices of before."""
    table = pd.DataFrame(rows("clean", "clean", CLEAN_SCORES))
    plain = list(map(repr, summarise(table, record([("clean", "clean")]), resamples=20).rows))
    german = table["clip_id"].isin(["r1", "f1", "f2"])
    table[EXTRA] = german.map({True: '{"language": "de"}', False: '{"language": "fr"}'})
    sliced = summarise(table, record([("clean", "clean")]), resamples=20).rows
    new = {r.slice: r.n for r in sliced if r.metric == "coverage" and repr(r) not in plain}
    assert new == {"language=de": 3, "language=fr": len(table) - 3}
    assert [repr(row) for row in sliced if not row.slice.startswith("language=")] == plain
