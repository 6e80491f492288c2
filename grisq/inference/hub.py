"""Models on the Hugging Face Hub: fetched by name, and pushed from a folder that `pack` made."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from httpx2 import HTTPError
from huggingface_hub import HfApi, snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    LocalTokenNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from grisq.checkpoint import CONFIG, WEIGHTS
from grisq.data.tokenizer import TOKENIZER_FILE
from grisq.runtime.errors import InputError
from grisq.runtime.files import DISK_FULL, NOT_WRITABLE
from grisq.runtime.paths import BUNDLED_MODEL

_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)
_NOT_ALWAYS = (".eval_results/*", "calibration.png")  # files of a packed model that an earlier push may have left there
NEEDED = (WEIGHTS, CONFIG, TOKENIZER_FILE)  # of a model's repository


def is_hub_name(model: str | Path) -> bool:
    """Whether a model is named as on the hub, user/name, and is not a folder here."""
    text = model.as_posix() if isinstance(model, Path) else model
    return bool(_NAME.fullmatch(text)) and not Path(model).exists()


def find_model(model: str | Path | None = None, revision: str | None = None) -> Path:
    """Return the folder of a model: the bundled one, a folder, or one fetched from the hub by user/name.

    Raises:
        InputError: as `fetch`, or if a revision is given for a folder.
    """
    if model is not None and is_hub_name(model):
        return fetch(model.as_posix() if isinstance(model, Path) else model, revision)
    if revision is not None:
        named = "the bundled model" if model is None else model
        raise InputError(f"revision is for models of the hub, and {named} is not one: leave it out.")
    return BUNDLED_MODEL if model is None else Path(model)


def fetch(name: str, revision: str | None = None) -> Path:
    """Download a model's weights, configuration and tokenizer, or find them in the hub's cache.

    Args:
        name: user/name.
        revision: a branch, tag or commit.

    Returns:
        The folder.

    Raises:
        InputError: there is no such model or revision, it is not grisq's, or it is neither cached nor reachable.
    """
    with _explained(name, revision):
        folder = Path(snapshot_download(name, revision=revision, allow_patterns=list(NEEDED)))
    missing = [file for file in NEEDED if not (folder / file).is_file()]
    if missing:
        raise InputError(f"{name} on the hub has no {' and no '.join(missing)}: it is not a model of grisq.")
    return folder


def push(folder: Path, name: str, *, private: bool | None = None, revision: str | None = None) -> str:
    """Upload a packed model; the repository is made if it is missing.

    Args:
        folder: as `pack` writes it.
        name: user/name.
        private: of a new repository; None: as the account has it.
        revision: branch to upload to.

    Returns:
        The address of the commit.

    Raises:
        InputError: nobody is logged in, the account may not write there, the repository is public and should be
            private, or the hub cannot be reached.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder: give one that `grisq pack` made.")
    _check_name(name)
    with _explained(name, revision):
        api = HfApi()
        api.create_repo(name, private=private, exist_ok=True)
        if private and not api.model_info(name).private:  # it was there before
            raise InputError(f"{name} on the hub is public: make it private in its settings, or leave out --private.")
        done = api.upload_folder(
            repo_id=name,
            folder_path=folder,
            revision=revision,
            commit_message="Upload a model packed by grisq",
            delete_patterns=list(_NOT_ALWAYS),
        )
    return str(done.commit_url)


def check_push(name: str) -> None:
    """Raise InputError if a name cannot be a repository's, or nobody is logged in: before a model is measured."""
    _check_name(name)
    with _explained(name, None):
        HfApi().whoami()


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise InputError(f"{name!r} cannot be the name of a repository on the hub: give user/name.")


@contextmanager
def _explained(name: str, revision: str | None) -> Iterator[None]:
    """Turn what can go wrong with the hub into one sentence."""
    try:
        yield
    except RevisionNotFoundError:
        raise InputError(f"{name} on the hub has no revision {revision!r}: give a branch, a tag or a commit.") from None
    except GatedRepoError:
        raise InputError(f"{name} on the hub is gated: ask for access on its page, then run `hf auth login`.") from None
    except RepositoryNotFoundError:
        raise InputError(
            f"There is no folder {name}, and the hub has no model of that name that you may see: check the name, or "
            "run `hf auth login`."
        ) from None
    except LocalTokenNotFoundError:
        raise InputError(f"You are not logged in, so nothing can be written to {name}: run `hf auth login`.") from None
    except HFValidationError as error:
        raise InputError(f"{name!r} cannot be a name on the hub ({error}).") from None
    except OfflineModeIsEnabled:
        raise InputError(f"{name} cannot be reached: HF_HUB_OFFLINE is set; unset it, or give a folder.") from None
    except LocalEntryNotFoundError:
        raise InputError(
            f"There is no folder {name}, it is not in the hub's cache, and the hub cannot be reached: check the name "
            "and the connection, and whether HF_HUB_OFFLINE is set."
        ) from None
    except HfHubHTTPError as error:
        status = error.response.status_code if error.response is not None else None
        if status in (401, 403):
            raise InputError(f"The hub does not let you do this to {name}: run `hf auth login`.") from None
        raise InputError(f"The hub answered with an error about {name} ({status}): try again later.") from None
    except (OSError, HTTPError) as error:
        if getattr(error, "errno", None) in (*DISK_FULL, *NOT_WRITABLE):
            raise InputError(
                f"{name} cannot be written to the hub's cache ({error.strerror}): free some space, or set HF_HOME to a "
                "folder that you may write to."
            ) from None
        raise InputError(f"The hub cannot be reached for {name} ({error}): check the connection.") from None
