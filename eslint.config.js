// One lint for both languages. Every ban says what to do instead.
import tseslint from "typescript-eslint";

const SIZE_RULES = {
  "max-lines": ["error", { max: 400, skipBlankLines: true, skipComments: true }],
  "max-lines-per-function": ["error", { max: 60, skipBlankLines: true, skipComments: true }],
  "max-params": ["error", 6],
  complexity: ["error", 15],
  "prefer-const": "error",
  "no-var": "error",
};

const NO_ALLOCATION = "the data path allocates nothing at steady state";

const BANS = [
  {
    selector: "TemplateLiteral",
    message: `No strings: ${NO_ALLOCATION}. Write bytes; text belongs to config/ and plugin/.`,
  },
  {
    selector: "ThrowStatement",
    message: "A trap kills every connection of the worker. Return a status.",
  },
];

const HOT_PATH_BANS = [
  ...BANS,
  {
    selector: "MethodDefinition[kind!='constructor'] ArrayExpression",
    message: `No array literals: ${NO_ALLOCATION}. Use a container made at start-up.`,
  },
  {
    selector: "MethodDefinition[kind!='constructor'] ObjectExpression",
    message: `No object literals: ${NO_ALLOCATION}. Use a record made at start-up.`,
  },
];

const NEW_BAN = {
  selector: "MethodDefinition[kind!='constructor'] NewExpression",
  message: `No \`new\` in a method: ${NO_ALLOCATION}. Make it in a constructor, or take it from a pool.`,
};

/** Where functions stand beside methods, and configuration beside the path. */
const PATH_OF_FILTERS = [
  "MethodDefinition:not([key.name=/^(constructor|configure|createBatch)$/])",
  "FunctionDeclaration",
];

const FILTER_BANS = PATH_OF_FILTERS.flatMap((place) => [
  { selector: `${place} NewExpression`, message: NEW_BAN.message },
  { selector: `${place} :matches(ArrayExpression, ObjectExpression)`, message: NEW_BAN.message },
  {
    selector: `${place} BinaryExpression[operator='+'] > Literal[raw=/^["']/]`,
    message: `No strings: ${NO_ALLOCATION}. Write bytes; text belongs to configuration.`,
  },
]);

export default tseslint.config(
  {
    ignores: [
      "**/node_modules/",
      "**/dist/",
      "build/",
      ".cache/",
      "coverage/",
      "controlplane/gen/",
      "wasm-test/peers/",
      "**/gen/",
    ],
  },
  {
    files: ["controlplane/**/*.ts", "wasm-test/**/*.ts"],
    ignores: ["wasm-test/units/**", "wasm-test/host/testdata/**"],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: {
      parserOptions: {
        project: ["./controlplane/tsconfig.lint.json", "./wasm-test/tsconfig.json"],
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      ...SIZE_RULES,
      "@typescript-eslint/switch-exhaustiveness-check": [
        "error",
        { considerDefaultExhaustiveForUnions: true },
      ],
      // Numbers and booleans read well in a template.
      "@typescript-eslint/restrict-template-expressions": [
        "error",
        { allowNumber: true, allowBoolean: true },
      ],
      // Tests hand scripted objects to code that names classes.
      "@typescript-eslint/no-unsafe-class-instance-assignment": "off",
      // A static class of a library is not our choice; `void` callbacks are.
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
    },
  },
  {
    // A list of cases is as long as there are cases.
    files: ["**/*.test.ts", "wasm-test/switchboard/scenarios/*.ts"],
    rules: { "max-lines-per-function": "off", "max-lines": "off" },
  },
  {
    files: ["assembly/**/*.ts"],
    languageOptions: { parser: tseslint.parser },
    rules: SIZE_RULES,
  },
  {
    // Decoders and tables: one case for each tag of the wire.
    files: ["assembly/**/*.ts"],
    rules: { complexity: ["error", 20] },
  },
  {
    // The ABI has the parameters that it has.
    files: ["assembly/proxy-wasm-as/abi/env.ts"],
    rules: { "max-params": "off" },
  },
  {
    files: [
      "assembly/codec/**/*.ts",
      "assembly/codecs/**/*.ts",
      "assembly/wire/**/*.ts",
      "assembly/containers/**/*.ts",
      "assembly/telemetry/**/*.ts",
      "assembly/switchboard/connection/**/*.ts",
      "assembly/switchboard/downstream/**/*.ts",
      "assembly/switchboard/router/**/*.ts",
      "assembly/switchboard/route/**/*.ts",
      "assembly/switchboard/stream/**/*.ts",
      "assembly/switchboard/upstream/**/*.ts",
    ],
    // A table is made once for each configuration.
    ignores: ["assembly/codecs/frame/table/**"],
    rules: { "no-restricted-syntax": ["error", ...HOT_PATH_BANS, NEW_BAN] },
  },
  {
    // What every request meets in filters; what only configurations meet is in files of its own.
    files: [
      "assembly/filters/**/*.ts",
      "assembly/format/**/*.ts",
      "assembly/otlp-export/**/*.ts",
      "assembly/switchboard/filter/**/*.ts",
    ],
    ignores: [
      "assembly/filters/*/*config.ts",
      "assembly/format/format-parser.ts",
      "assembly/otlp-export/otlp-exporters.ts",
      "assembly/otlp-export/otlp-output.ts",
    ],
    rules: { "no-restricted-syntax": ["error", ...BANS, ...FILTER_BANS] },
  },
);
