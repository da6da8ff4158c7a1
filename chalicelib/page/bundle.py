"""The page's ES modules as one script, so that the page stays one document and needs no Node.js when it is deployed.

It supports what the page uses: ``import {name, …} from "./module.js";`` and ``export`` before a declaration, both at
the start of a line. Everything else that a module could import, export or declare is an error, as is what one scope for
all modules would change: an import cycle, and a name that two modules declare. JSDoc comments are for the type checker
and are left out.
"""

import re
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Final

_IMPORT: Final = re.compile(r'^import \{(\s*[\w$]+(?:,\s*[\w$]+)*,?\s*)\} from "\./(\w+\.js)";\n', re.MULTILINE)
_DECLARATION: Final = re.compile(r"^(export )?(?:(?:async )?function|class|const|let) ([\w$]+)", re.MULTILINE)
_EXPORT: Final = re.compile(r"^export (?=(?:async function|function|class|const|let) [\w$])", re.MULTILINE)
_JSDOC: Final = re.compile(r"^ */\*\*(?:(?!\*/).)*\*/\n", re.MULTILINE | re.DOTALL)
_UNSUPPORTED: Final = re.compile(
    r"^(?:import|export|var|(?:const|let) *[\[{]|function *\*).*|\bimport\s*[(.].*", re.MULTILINE
)


class BundleError(Exception):
    """The modules cannot be joined into one script."""


@dataclass(frozen=True, slots=True)
class _Module:
    imports: dict[str, list[str]]
    """The imported names, by the file that they come from."""
    declared: list[str]
    exported: list[str]
    script: str


def bundle(folder: Path, entry: str) -> str:
    """Join the entry module and everything that it imports, each module after those that it imports."""
    modules: dict[str, _Module] = {}
    pending = [entry]
    while pending:
        name = pending.pop()
        if name not in modules:
            modules[name] = _parse(name, (folder / name).read_text(encoding="utf-8"))
            pending.extend(modules[name].imports)
    _check_names(modules)
    try:
        order = list(TopologicalSorter({name: module.imports for name, module in modules.items()}).static_order())
    except CycleError as error:
        raise BundleError(f"Import cycle: {' → '.join(error.args[1])}") from error
    return "".join(modules[name].script for name in order)


def _parse(name: str, source: str) -> _Module:
    imports = {
        file: [part.strip() for part in names.split(",") if part.strip()] for names, file in _IMPORT.findall(source)
    }
    script = _EXPORT.sub("", _JSDOC.sub("", _IMPORT.sub("", source)))
    if unsupported := _UNSUPPORTED.search(script):
        raise BundleError(f"{name}: unsupported form: {unsupported[0]}")
    declarations = [(bool(export), declared) for export, declared in _DECLARATION.findall(source)]
    return _Module(
        imports,
        declared=[declared for _, declared in declarations],
        exported=[declared for is_exported, declared in declarations if is_exported],
        script=script,
    )


def _check_names(modules: dict[str, _Module]) -> None:
    declared_in: dict[str, str] = {}
    for name, module in modules.items():
        for declared in module.declared:
            if (other := declared_in.setdefault(declared, name)) != name:
                raise BundleError(f"{declared} is declared in {other} and in {name}")
        for file, names in module.imports.items():
            if missing := [imported for imported in names if imported not in modules[file].exported]:
                raise BundleError(f"{name}: {file} does not export {', '.join(missing)}")
