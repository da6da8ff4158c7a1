"""After `make test`: every module of what ships is covered by branches as far as its floor asks."""

import io
import json
import sys
import tempfile
from pathlib import Path
from typing import Final

from coverage import Coverage

_FLOOR: Final = 95.0
_FLOORS: Final = {"chalicelib/domain/decision.py": 100.0}


def main() -> int:
    """Read the data that the tests left; 1 if any module is below its floor."""
    coverage = Coverage()
    coverage.load()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "coverage.json"
        sys.stdout, out = io.StringIO(), sys.stdout
        try:
            coverage.json_report(outfile=str(report))
        finally:
            sys.stdout = out
        files = json.loads(report.read_text())["files"]
    low = [
        f"{name}: {found['summary']['percent_covered']:.1f} % covered, {floor:g} % wanted"
        for name, found in files.items()
        if found["summary"]["percent_covered"] < (floor := _FLOORS.get(name, _FLOOR))
    ]
    for line in low:
        print(line, file=sys.stderr)
    if not low:
        print(f"All {len(files)} modules are covered as far as asked.")
    return 1 if low or not files else 0


if __name__ == "__main__":
    sys.exit(main())
