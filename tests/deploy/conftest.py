"""The packages that the deployment tests share. Creating each takes seconds, so it is done once per run."""

import shutil
from pathlib import Path

import pytest

from tests.deploy.project import Project, copy_project
from tests.served import TOKENS
from tests.shared import once_per_run

FULL_SETTINGS = {
    "DATABASES": "ss-financial-prod,cluster:analytics",
    "ACCESS_TOKENS": TOKENS,
    "IDLE_MINUTES": "0.2",
    "CORS_ORIGIN": "https://dashboard.example.com",
    "WARM_UP_SCHEDULE": "cron(0 7 ? * MON-FRI *)",
}
"""Settings that use every feature. Within an idle timeout of 12 s, a loaded machine answers a few requests."""


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The project after `make package` for the stage prod. Tests must not change it."""

    def create(folder: Path) -> None:
        copy_project(folder).python("dev.deploy.package", "prod")

    return Project(once_per_run(tmp_path_factory, "package", create))


@pytest.fixture(scope="session")
def full_package(tmp_path_factory: pytest.TempPathFactory, package: Project) -> Project:
    """The same with FULL_SETTINGS, and with the output of `make package`. Tests must not change it."""

    def create(folder: Path) -> None:
        shutil.copytree(package.folder, folder, symlinks=True, dirs_exist_ok=True)
        project = Project(folder)
        project.change_settings("prod", **FULL_SETTINGS)
        project.python("dev.deploy.policies")
        project.output.write_text(project.python("dev.deploy.package", "prod"))

    return Project(once_per_run(tmp_path_factory, "full-package", create))
