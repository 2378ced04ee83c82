"""Files that come with the harness: suites, policies and published figures."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parents[1]
_IN_CHECKOUT = {
    "suites": "suites",
    "policies": "reports/policies",
    "published": "reports/published",
}


def shipped(kind: str) -> Path:
    """Return the folder of a kind of file: in an installed package, else in the checkout.

    Parameters
    ----------
    kind
        `suites`, `policies` or `published`.
    """
    installed = _PACKAGE / kind
    return installed if installed.is_dir() else _PACKAGE.parent / _IN_CHECKOUT[kind]
