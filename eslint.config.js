import js from "@eslint/js";
import globals from "globals";

const NO_MODULE_STATE = {
  selector: ":matches(Program, Program > ExportNamedDeclaration) > VariableDeclaration[kind='let']",
  message: "State that changes is kept in store.js.",
};

export default [
  js.configs.recommended,
  {
    files: ["chalicelib/page/*.js"],
    languageOptions: {ecmaVersion: 2025, sourceType: "module", globals: globals.browser},
    rules: {
      eqeqeq: "error",
      "no-shadow": "error",
      "one-var": ["error", "never"],
      "prefer-const": "error",
      "prefer-template": "error",
    },
  },
  {
    files: ["chalicelib/page/*.js"],
    ignores: ["chalicelib/page/store.js"],
    rules: {"no-restricted-syntax": ["error", NO_MODULE_STATE]},
  },
];
