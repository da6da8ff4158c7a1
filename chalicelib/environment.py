"""The variables that the settings are read from: the environment, and what `make deploy` has packaged of it.

Lambda accepts an environment of at most 4,096 bytes. `make deploy` and `make package` write the settings that do not
fit into a file of the zip, beside app.py; usually there is no such file.
https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
"""

import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

PACKAGED_SETTINGS: Final = "packaged-settings.json"
"""The name of the file: a JSON object of variables, with strings as values."""

_FOLDER: Final = Path(__file__).parent.parent


def environment(environ: Mapping[str, str], folder: Path = _FOLDER) -> Mapping[str, str]:
    """The environment's variables, and those of the file that the environment does not have."""
    return {**_packaged(folder), **environ}


@functools.cache
def _packaged(folder: Path) -> Mapping[str, str]:
    try:
        packaged: dict[str, str] = json.loads((folder / PACKAGED_SETTINGS).read_text())
    except FileNotFoundError:
        return {}
    return packaged
