"""Adds bytecode to the zip: Lambda unpacks it read-only, so that every cold start would compile every module.

https://docs.aws.amazon.com/lambda/latest/dg/python-package.html
"""

import py_compile
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from py_compile import PycInvalidationMode
from typing import Final

_LIST_LOADED: Final = """\
import sys
sys.path.insert(0, sys.argv[1])
import app
print(*(module.__file__ for module in list(sys.modules.values()) if getattr(module, "__file__", None)), sep="\\n")
"""


def add_bytecode(archive: Path) -> None:
    """Add the bytecode of every module of the zip that the app loads, unless the zip has bytecode already.

    A Python of another minor version ignores it and reads the sources (PEP 3147). Python does not compare it with the
    time and size of the sources, which unpacking may change (PEP 552).
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        with zipfile.ZipFile(archive) as opened:
            if any(entry.endswith(".pyc") for entry in opened.namelist()):
                return
            opened.extractall(folder)
        for module in _loaded_from(folder):
            # Named here, because PYTHONPYCACHEPREFIX, which the Makefile sets, would move the default.
            compiled = module.parent / "__pycache__" / f"{module.stem}.{sys.implementation.cache_tag}.pyc"
            source = str(module.relative_to(folder))
            mode = PycInvalidationMode.UNCHECKED_HASH
            py_compile.compile(str(module), str(compiled), source, doraise=True, invalidation_mode=mode)
        with zipfile.ZipFile(archive, "a", zipfile.ZIP_DEFLATED) as opened:
            for bytecode in sorted(folder.rglob("*.pyc")):
                opened.write(bytecode, bytecode.relative_to(folder))


def _loaded_from(folder: Path) -> list[Path]:
    """The modules of the folder that are loaded when app.py is imported."""
    command = [sys.executable, "-B", "-I", "-c", _LIST_LOADED, str(folder)]
    loaded = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout  # noqa: S603 - our own code
    return [path for line in loaded.splitlines() if (path := Path(line)).is_relative_to(folder)]
