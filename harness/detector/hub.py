"""Fetch a model from the hub into its client's cache, and explain why the hub refuses.

If the hub cannot be reached its cache is used, and nothing else.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from harness.detector.checkpoint import (
    CONFIG,
    EXTRACTOR,
    INDEX,
    WEIGHTS,
    Checkpoint,
    first_line,
    missing,
    shards,
)
from harness.errors import UsageError


def fetch(spec: str) -> Checkpoint:
    """Return the files of `owner/name[@revision]`, from the hub or its cache on this machine."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    repository, _, revision = spec.partition("@")

    def download(names: tuple[str, ...], revision: str | None) -> Path:
        not_cached: LocalEntryNotFoundError | None = None
        for name in names:
            try:
                return Path(
                    hf_hub_download(
                        repository, name, revision=revision, local_files_only=not online
                    )
                )
            except LocalEntryNotFoundError as fault:
                if online:
                    raise
                not_cached = not_cached or fault  # absent from the cache is not absent from the hub
            except EntryNotFoundError:
                continue
        raise not_cached or missing(names, spec)

    with _hub_faults(spec, repository, revision):
        online = _answers(repository, revision or None)
        # By branch name, so that the client notes its commit for later use offline.
        folder = download((CONFIG,), revision or None).parent
        commit = folder.name
        download(EXTRACTOR, commit)
        weights = download((WEIGHTS, INDEX), commit)
        if weights.name == INDEX:
            for shard in shards(weights, spec):
                download((shard,), commit)
    return Checkpoint(folder, spec, "hub", repository.split("/")[-1], commit)


def _answers(repository: str, revision: str | None) -> bool:
    """Whether the hub answers within seconds.

    When it fetches a file, the client waits more than six minutes for a hub that never answers.
    """
    from huggingface_hub import HfApi, constants
    from huggingface_hub import errors as hub

    hub_timeout = constants.HF_HUB_ETAG_TIMEOUT
    try:
        HfApi().model_info(repository, revision=revision, timeout=hub_timeout)
    except (hub.RepositoryNotFoundError, hub.RevisionNotFoundError):
        raise
    except hub.HfHubHTTPError:  # perhaps too busy: the client retries when it fetches a file
        return True
    except (hub.OfflineModeIsEnabled, OSError, _connection_error()):
        return False
    return True


def _connection_error() -> type[Exception]:
    """Return the error of the HTTP library, which differs between versions of the client."""
    from huggingface_hub.errors import HfHubHTTPError

    return HfHubHTTPError.__bases__[0]


@contextmanager
def _hub_faults(spec: str, repository: str, revision: str) -> Generator[None]:
    """Turn the long errors of the hub's client into one line each."""
    from huggingface_hub import errors as hub
    from huggingface_hub.utils import logging

    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    except hub.GatedRepoError as fault:
        raise UsageError(
            "is gated: its owner lets in only those who accept the conditions",
            spec,
            f"accept them on the page of {repository} at the hub, then set HF_TOKEN to a token of "
            "that account",
        ) from fault
    except hub.RevisionNotFoundError as fault:
        raise UsageError(
            f"has no revision {revision!r}", spec, "see its page at the hub"
        ) from fault
    except hub.RepositoryNotFoundError as fault:
        raise UsageError(
            "is neither a directory here nor a model at the hub that this account may see",
            spec,
            "check the name; a private model needs HF_TOKEN",
        ) from fault
    except (hub.LocalEntryNotFoundError, hub.OfflineModeIsEnabled) as fault:
        if isinstance(fault.__cause__, hub.HfHubHTTPError):
            raise _http_error(fault.__cause__, spec) from fault
        raise UsageError(
            "is not in the cache of this machine, and the hub cannot be reached",
            spec,
            "check the network and HF_HUB_OFFLINE, or name a local directory",
        ) from fault
    except hub.HfHubHTTPError as fault:
        raise _http_error(fault, spec) from fault
    except (OSError, _connection_error()) as fault:
        raise UsageError(f"cannot be fetched ({first_line(fault)})", spec, "try again") from fault
    finally:
        logging.set_verbosity(verbosity)


def _http_error(fault: Any, spec: str) -> UsageError:
    return UsageError(f"the hub answers {fault.response.status_code}", spec, "try again later")
