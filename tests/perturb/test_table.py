"""The table of perturbations, what is derived from it, and second lists that must agree with it."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from harness.forensic import validated_range
from harness.perturb import PERTURBATIONS, Perturbation
from harness.perturb.coder import CODECS, CODERS
from harness.perturb.name import perturbation_of, step_names
from harness.report.sections import provenance
from harness.results.record import ConditionRecord
from harness.suite.condition import condition_of
from tests.support.perturbations import EXAMPLES, perturbations


@pytest.mark.parametrize("kind", PERTURBATIONS)
def test_a_class_is_called_as_in_the_table_and_describes_itself(kind: str) -> None:
    perturbation = PERTURBATIONS[kind]
    assert perturbation.model_fields["perturb"].default == kind
    assert perturbation.title
    assert perturbation.__doc__ != Perturbation.__doc__
    assert perturbation.examples


@pytest.mark.parametrize("kind", PERTURBATIONS)
def test_the_examples_have_every_option_but_folders(kind: str) -> None:
    perturbation = PERTURBATIONS[kind]
    schema: dict[str, Any] = perturbation.model_json_schema()["properties"]
    steps = [perturbation(**fields) for fields in perturbation.examples]
    for name, field in schema.items():
        options = {v for part in field.get("anyOf", [field]) for v in part.get("enum", ())}
        assert options - {"file"} <= {getattr(step, name) for step in steps}


def test_every_coder_is_a_codec_or_the_narrowband_mode_of_one() -> None:
    assert {coder.narrow_of or name for name, coder in CODERS.items()} == set(CODECS)
    titles = {step.words.split(",")[0].split(" at ")[0] for step in EXAMPLES}
    assert {coder.title for coder in CODERS.values()} <= titles


@pytest.mark.parametrize("step", EXAMPLES, ids=lambda step: step.name)
def test_a_name_is_read_back(step: Perturbation) -> None:
    assert perturbation_of(step.name) == step


def test_names_of_examples_are_unique() -> None:
    assert len({step.name for step in EXAMPLES}) == len(EXAMPLES)


@settings(max_examples=200)
@given(perturbations(decimals=1))
def test_any_name_is_read_back(step: Perturbation) -> None:
    assert perturbation_of(step.name) == step


@settings(max_examples=100)
@given(st.lists(perturbations(), min_size=1, max_size=3))
def test_a_chain_is_split_into_its_steps(chain: list[Perturbation]) -> None:
    for joint in ("+", " + "):
        assert step_names(joint.join(step.name for step in chain)) == [step.name for step in chain]


@pytest.mark.parametrize("name", ["", "codec", "filter:notch@5Hz", "gain@5dB", "9" * 400])
def test_other_texts_are_no_names(name: str) -> None:
    assert perturbation_of(name) is None


@pytest.mark.parametrize("name", ["codec:mp3", "codec:mp3@33k", "crop@0s", "noise:pink@99dB"])
def test_names_with_impossible_values_are_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        perturbation_of(name)


def record(step: Perturbation) -> ConditionRecord:
    return condition_of(step.name).record()


@pytest.mark.parametrize("step", EXAMPLES, ids=lambda step: step.name)
def test_the_validated_range_knows_the_steps_that_a_recording_shows(step: Perturbation) -> None:
    effect = validated_range._effect(record(step))
    assert effect.telling == (step.recording_fact is not None)
    assert bool(effect.codecs) == (step.recording_fact == "coding")
    assert (effect.snr_db < 1000) == (step.recording_fact == "noise")
    assert (effect.seconds < 1000) == (step.recording_fact == "length")


def test_limitations_of_cards_are_tested_by_perturbations_that_exist() -> None:
    named = [names for _, names in provenance._TESTED_BY if names]
    assert set().union(*named) <= set(PERTURBATIONS)
