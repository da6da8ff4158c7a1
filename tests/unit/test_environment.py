"""The variables of the environment, and those of the file that `make deploy` packages."""

import json
from pathlib import Path

from chalicelib.environment import PACKAGED_SETTINGS, environment


def test_environment__without_a_file__is_the_environment(tmp_path: Path) -> None:
    assert environment({"DATABASES": "one"}, tmp_path) == {"DATABASES": "one"}


def test_environment__with_a_file__has_its_variables_below_those_of_the_environment(tmp_path: Path) -> None:
    (tmp_path / PACKAGED_SETTINGS).write_text(json.dumps({"DATABASES": "one,two", "ACCESS_TOKENS": "a"}))
    assert environment({"ACCESS_TOKENS": "b"}, tmp_path) == {"DATABASES": "one,two", "ACCESS_TOKENS": "b"}
