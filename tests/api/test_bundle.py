"""The ES modules of the page, joined into one script."""

from pathlib import Path

import pytest

from chalicelib.page.bundle import BundleError, bundle


def write(folder: Path, **modules: str) -> Path:
    for name, source in modules.items():
        (folder / f"{name}.js").write_text(source, encoding="utf-8")
    return folder


def test_bundle__imports__come_before_the_modules_that_use_them(tmp_path: Path) -> None:
    folder = write(
        tmp_path,
        main='import {a} from "./a.js";\nimport {\n  b,\n  B,\n} from "./b.js";\n\na(b, B);\n',
        a='import {b} from "./b.js";\nexport async function a() {\n  return b;\n}\n',
        b="export const b = 1;\nexport class B {}\n",
    )
    assert bundle(folder, "main.js") == ("const b = 1;\nclass B {}\nasync function a() {\n  return b;\n}\n\na(b, B);\n")


def test_bundle__jsdoc__is_left_out(tmp_path: Path) -> None:
    jsdoc, code = "/**\n * @param {N} n\n */\n", "function f(n) {\n  return /** @type {N} */ (n);\n}\n"
    source = f"/** @typedef {{number}} N */\n// Why.\n{jsdoc}{code}"
    assert bundle(write(tmp_path, main=source), "main.js") == f"// Why.\n{code}"


def test_bundle__name_declared_in_two_modules__is_an_error(tmp_path: Path) -> None:
    folder = write(tmp_path, main='import {a} from "./a.js";\nconst same = a;\n', a="export const a = 1;\nlet same;\n")
    with pytest.raises(BundleError, match=r"same is declared in main\.js and in a\.js"):
        bundle(folder, "main.js")


def test_bundle__import_cycle__is_an_error(tmp_path: Path) -> None:
    folder = write(
        tmp_path,
        main='import {a} from "./a.js";\n',
        a='import {b} from "./b.js";\nexport const a = b;\n',
        b='import {a} from "./a.js";\nexport const b = a;\n',
    )
    with pytest.raises(BundleError, match="Import cycle: "):
        bundle(folder, "main.js")


def test_bundle__name_that_is_not_exported__is_an_error(tmp_path: Path) -> None:
    folder = write(tmp_path, main='import {a, b} from "./a.js";\n', a="export const a = 1;\nconst b = 2;\n")
    with pytest.raises(BundleError, match=r"main\.js: a\.js does not export b"):
        bundle(folder, "main.js")


@pytest.mark.parametrize(
    "source",
    [
        pytest.param('import a from "./a.js";\n', id="default-import"),
        pytest.param('import * as a from "./a.js";\n', id="namespace-import"),
        pytest.param('import {a as b} from "./a.js";\n', id="renamed-import"),
        pytest.param('import "./a.js";\n', id="bare-import"),
        pytest.param('import {a} from "https://example.com/a.js";\n', id="remote-import"),
        pytest.param('const a = await import("./a.js");\n', id="dynamic-import"),
        pytest.param("const url = import.meta.url;\n", id="import-meta"),
        pytest.param("export default 1;\n", id="default-export"),
        pytest.param("const a = 1;\nexport {a};\n", id="export-list"),
        pytest.param('export * from "./a.js";\n', id="re-export"),
        pytest.param("export const {a} = globalThis;\n", id="destructured-export"),
        pytest.param("const [a] = [1];\n", id="destructured-declaration"),
        pytest.param("export function* a() {}\n", id="exported-generator"),
        pytest.param("var a = 1;\n", id="var"),
    ],
)
def test_bundle__unsupported_form__is_an_error(tmp_path: Path, source: str) -> None:
    with pytest.raises(BundleError, match=r"main\.js: unsupported form: "):
        bundle(write(tmp_path, main=source, a="export const a = 1;\n"), "main.js")
