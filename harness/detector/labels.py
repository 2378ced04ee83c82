"""The output of a two-class model that means fake, by an explicit vocabulary, never by position."""

from __future__ import annotations

from collections.abc import Mapping

from harness.data.class_names import canonical_label
from harness.errors import UsageError

_SAY_WHICH = "say which one means fake with --fake-label NAME or --fake-label INDEX"


def fake_index(names: Mapping[int, str], fake_label: str | None = None, where: str = "") -> int:
    """Return the index of the class that means fake, 0 or 1.

    Parameters
    ----------
    names
        The model's own `id2label`.
    fake_label
        What the user says: a class name (case does not matter) or an index; a name if the names
        are themselves numbers. It takes precedence over the vocabulary.
    where
        The model, for the message.

    Raises UsageError if there are not two classes, or neither their names nor the user say which
    one is fake.
    """
    seen = ", ".join(f"{index}: {names[index]}" for index in sorted(names))
    if sorted(names) != [0, 1]:
        raise UsageError(
            f"{len(names)} classes ({seen}) instead of two, 0 and 1",
            where,
            "name a two-class detector",
        )
    if fake_label is not None:
        return _named(names, fake_label, seen, where)
    meanings = [canonical_label(names[0]), canonical_label(names[1])]
    if meanings == ["fake", "real"]:
        return 0
    if meanings == ["real", "fake"]:
        return 1
    raise UsageError(
        f"the class names ({seen}) do not say which one is fake and which one real",
        where,
        _SAY_WHICH,
    )


def check_indices(
    names: Mapping[int, str],
    label2id: Mapping[str, object],
    fake_label: str | None = None,
    where: str = "",
) -> None:
    """Check a model's `label2id` against its `id2label`, which is the one that is used.

    Placeholders such as `LABEL_0` cannot contradict, and an index stated by the user settles it.

    Raises UsageError if one gives a class another index, or the opposite meaning, than the other.
    """
    if fake_label is not None and fake_label.strip() in ("0", "1"):
        return
    folded = {name.strip().casefold(): index for index, name in names.items()}
    for name, stated in label2id.items():
        try:
            index = int(str(stated))
        except ValueError:
            index = -1
        actual = folded.get(name.strip().casefold(), index)
        meanings = canonical_label(name), canonical_label(names.get(index, ""))
        if actual != index or (all(meanings) and meanings[0] != meanings[1]):
            seen = ", ".join(f"{number}: {names[number]}" for number in sorted(names))
            raise UsageError(
                f"id2label ({seen}) and label2id ({name}: {stated}) contradict each other",
                where,
                "correct config.json, or give the index that means fake: --fake-label INDEX",
            )


def _named(names: Mapping[int, str], fake_label: str, seen: str, where: str) -> int:
    folded = fake_label.strip().casefold()
    matches = [index for index, name in names.items() if name.strip().casefold() == folded]
    if len(matches) == 1:
        return matches[0]
    if not matches and folded in ("0", "1"):
        return int(folded)
    raise UsageError(f"--fake-label {fake_label!r} names none of {seen}", where, _SAY_WHICH)
