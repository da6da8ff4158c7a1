"""What the deployment tests share: packages, made once for each of pytest's workers."""

from collections.abc import Callable

import pytest

from tests.deploy.project import Project, copy_project
from tests.served import TOKENS

Stages = Callable[[str], Project]

STORY = {
    "DATABASES": "ss-financial-prod,cluster:analytics",
    "ACCESS_TOKENS": TOKENS,
    "IDLE_MINUTES": "0.2",
    "CORS_ORIGIN": "https://dashboard.example.com",
    "WARM_UP_SCHEDULE": "cron(0 7 ? * MON-FRI *)",
}
"""Settings that make use of everything. Within an idle timeout of 12 s, a loaded machine answers a few requests."""


@pytest.fixture(scope="session")
def packaged(tmp_path_factory: pytest.TempPathFactory) -> Stages:
    """The project, with `make package` done for a stage as it is configured."""
    project = copy_project(tmp_path_factory.mktemp("project"))
    done: set[str] = set()

    def package(stage: str) -> Project:
        if stage not in done:
            project.python("dev.deploy.package", stage)
            done.add(stage)
        return project

    return package


@pytest.fixture(scope="session")
def story_package(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The stage prod with settings that make use of everything, packaged."""
    project = copy_project(tmp_path_factory.mktemp("story"))
    project.configure("prod", **STORY)
    project.told.write_text(project.python("dev.deploy.package", "prod"))
    return project
