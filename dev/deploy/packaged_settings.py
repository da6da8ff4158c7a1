"""Moves the settings that do not fit into the environment of the functions into a file of the zip.

Lambda accepts an environment of 4,096 bytes, which the ids of about a hundred databases exceed. The largest settings
are moved, as few as possible. chalicelib/environment.py reads the file. Settings that app.py reads while it is
imported are never moved.
"""

import hashlib
import json
import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from chalicelib.environment import PACKAGED_SETTINGS
from chalicelib.settings import SETTINGS
from dev.deploy.quotas import ENVIRONMENT_BYTES, environment_bytes

MOVABLE: Final = tuple(setting.name for setting in SETTINGS if not setting.deploy_time)
"""The settings that may be in the file."""


def settings_to_move(variables: Mapping[str, str]) -> dict[str, str]:
    """The settings that are moved out of this environment; empty where it fits."""
    moved: dict[str, str] = {}
    for name in sorted(set(MOVABLE) & variables.keys(), key=lambda name: len(variables[name]), reverse=True):
        if environment_bytes(without(variables, moved)) <= ENVIRONMENT_BYTES:
            break
        moved[name] = variables[name]
    return moved


def without(variables: Mapping[str, str], moved: Mapping[str, str]) -> dict[str, str]:
    """The environment of a function: a variable in which it differs from the file stays."""
    return {name: value for name, value in variables.items() if moved.get(name) != value}


def add_settings(archive: Path, moved: Mapping[str, str]) -> Path:
    """The zip with the file: a copy, because other stages use the zip itself. The zip, where nothing is moved."""
    if not moved:
        return archive
    content = json.dumps(moved, indent=2, sort_keys=True) + "\n"
    copy = archive.with_name(f"{archive.stem}-{hashlib.sha256(content.encode()).hexdigest()[:16]}.zip")
    shutil.copyfile(archive, copy)
    with zipfile.ZipFile(copy, "a", zipfile.ZIP_DEFLATED) as opened:
        # Always the same time, so that Lambda receives the same zip for the same settings.
        opened.writestr(zipfile.ZipInfo(PACKAGED_SETTINGS), content, zipfile.ZIP_DEFLATED)
    return copy
