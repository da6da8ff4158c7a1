"""A copy of the project, in which commands run as in a new clone, without access to a package index."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from importlib.metadata import Distribution, distribution
from pathlib import Path
from typing import Any

from dev.deploy import policies
from tests.served import ROOT

_COPIED = ("app.py", "Makefile", "requirements.txt", "chalicelib", "dev", ".chalice")
_WHEELS = "wheels"
_GENERATED = ("deployments", "deployed", "__pycache__")


@dataclass(frozen=True)
class Project:
    """The copy."""

    folder: Path

    def run(self, *command: str, **environ: str) -> "subprocess.CompletedProcess[str]":
        """Run a command in the copy; its environment has only these variables and those that find programs."""
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "TZ") if name in os.environ}
        quiet = {"HOME": str(self.folder), "AWS_EC2_METADATA_DISABLED": "true", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
        offline = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self.folder / _WHEELS), "PIP_CONFIG_FILE": os.devnull}
        return subprocess.run(
            command,
            cwd=self.folder,
            env={**kept, **quiet, **offline, **environ},
            capture_output=True,
            text=True,
            check=False,
        )

    def python(self, *arguments: str, **environ: str) -> str:
        """Run one of the project's modules, which must succeed; its output."""
        done = self.run(sys.executable, "-B", "-m", *arguments, **environ)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "Could not install dependencies" not in done.stdout, done.stdout
        return done.stdout

    def make(self, *arguments: str, **environ: str) -> "subprocess.CompletedProcess[str]":
        """Run a command of the Makefile with the virtual environment of the tests."""
        return self.run("make", "--assume-old=.venv/run", *arguments, **environ)

    def configure(self, stage: str, **settings: str) -> None:
        """Change settings of a stage, and write its policies."""
        self.change_settings(stage, **settings)
        policies.write(self.folder)

    def change_settings(self, stage: str, **settings: str) -> None:
        """Change settings of a stage."""
        variables = self._config()["stages"][stage]["environment_variables"]
        self.change_stage(stage, environment_variables=variables | settings)

    def change_stage(self, stage: str, **options: Any) -> None:
        """Change options of Chalice for a stage."""
        config = self._config()
        config["stages"][stage] |= options
        (self.folder / ".chalice" / "config.json").write_text(json.dumps(config))

    def _config(self) -> Any:
        return json.loads((self.folder / ".chalice" / "config.json").read_text())

    def template(self, stage: str) -> Any:
        """The SAM template that `make package` wrote."""
        return json.loads((self.folder / "build" / stage / "sam.json").read_text())

    @property
    def output(self) -> Path:
        """The file in which the fixture keeps the output of `make package`."""
        return self.folder / "output"

    def zip(self, stage: str) -> Path:
        """The zip for Lambda."""
        return self.folder / "build" / stage / "deployment.zip"


def copy_project(folder: Path) -> Project:
    """Copy the files that are deployed or that deploy."""
    for name in _COPIED:
        source, target = ROOT / name, folder / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns(*_GENERATED))
        else:
            shutil.copy2(source, target)
    # By this name, because make does not support spaces, which the path of the real one may contain.
    (folder / ".venv").symlink_to(sys.prefix)
    wheels = folder / _WHEELS
    wheels.mkdir()
    pins = re.findall(r"^([a-z0-9-]+)==", (folder / "requirements.txt").read_text(), flags=re.MULTILINE)
    # A rebuilt wheel has another hash than the one on the package index.
    lines = [_pin(distribution(name), wheels) for name in pins]
    (folder / "requirements.txt").write_text("".join(lines))
    return Project(folder)


def _pin(installed: Distribution, wheels: Path) -> str:
    """The line of requirements.txt for the rebuilt wheel."""
    digest = hashlib.sha256(_wheel(installed, wheels).read_bytes()).hexdigest()
    return f"{installed.name}=={installed.version} \\\n    --hash=sha256:{digest}\n"


def _wheel(installed: Distribution, folder: Path) -> Path:
    """Rebuild the wheel of an installed pure-Python package, so that no test downloads it."""
    name = f"{installed.name.replace('-', '_')}-{installed.version}"
    made = folder / f"{name}-py3-none-any.whl"
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as wheel:
        for file in installed.files or ():
            path = file.as_posix()
            if path.endswith(".pyc"):
                continue
            if path.startswith(".."):
                path = f"{name}.data/scripts/{file.name}"
            wheel.writestr(path, Path(str(file.locate())).read_bytes())
    return made
