// Who may import whom: folders are layers, and a layer only knows those below it.
const rule = (name, from, to, comment) => ({ name, comment, severity: "error", from, to });
const only = (folder, allowed, comment) =>
  rule(
    `${folder.replaceAll("/", "-")}-imports-only-what-is-below`,
    { path: `^${folder}/` },
    {
      path: "^(assembly|controlplane|wasm-test)/",
      pathNot: [folder, ...allowed].map((p) => `^${p}/`),
    },
    comment,
  );

const SDK = "assembly/proxy-wasm-as";
const SB = "assembly/switchboard";

module.exports = {
  forbidden: [
    rule("no-circular", {}, { circular: true }, "A cycle has no order in which it can be read."),
    rule(
      "planes-apart",
      { path: "^controlplane/" },
      { path: "^(assembly|wasm-test)/" },
      "The planes meet in proto/ and in the built module.",
    ),
    rule(
      "data-plane-apart",
      { path: "^assembly/" },
      { path: "^(controlplane|wasm-test)/" },
      "A module knows nothing of what configures or tests it.",
    ),
    only("wasm-test/kit", ["wasm-test/host"], "A package: what it imports is shipped with it."),
    rule(
      "tests-use-the-control-plane-by-its-front-doors",
      { path: "^wasm-test/" },
      { path: "^controlplane/(xds|server|translate)/" },
      "End-to-end tests run the command.",
    ),
    only(SDK, [], "The SDK is a package of its own."),
    only("assembly/wire", [], "Bytes, and nothing above them."),
    only("assembly/containers", [], "One structure a file, and nothing above them."),
    only(
      "assembly/telemetry",
      ["assembly/wire", "assembly/containers"],
      "What telemetry says on the wire, and nothing about when.",
    ),
    only("assembly/codec", ["assembly/wire", "assembly/containers"], "The contract."),
    only("assembly/filter", ["assembly/codec", "assembly/wire", SDK], "The contract."),
    only(
      "assembly/format",
      ["assembly/filter", "assembly/codec", "assembly/telemetry", "assembly/wire"],
      "What texts with operators make of a call.",
    ),
    only(
      "assembly/otlp-export",
      [
        "assembly/filter",
        "assembly/format",
        "assembly/codec",
        "assembly/telemetry",
        "assembly/wire",
        SDK,
      ],
      "What filters share that send to collectors.",
    ),
    only(
      "assembly/filters",
      [
        "assembly/filter",
        "assembly/otlp-export",
        "assembly/format",
        "assembly/codec",
        "assembly/telemetry",
        "assembly/wire",
        "assembly/containers",
        SDK,
      ],
      "Filters know calls and the host, no engine.",
    ),
    rule(
      "filters-apart",
      { path: "^assembly/filters/([^/]+)/" },
      { path: "^assembly/filters/", pathNot: "^assembly/filters/$1/" },
      "A filter stands alone.",
    ),
    only("assembly/codecs", ["assembly/codec", "assembly/wire"], "Codecs know bytes, no engine."),
    rule(
      "codecs-apart",
      { path: "^assembly/codecs/([^/]+)/" },
      { path: "^assembly/codecs/", pathNot: "^assembly/codecs/$1/" },
      "A protocol stands alone.",
    ),
    only(
      SB,
      [
        SDK,
        "assembly/codec",
        "assembly/filter",
        "assembly/format",
        "assembly/containers",
        "assembly/telemetry",
        "assembly/wire",
      ],
      "The engine serves every protocol: codecs are given to it by modules/.",
    ),
    only(
      `${SB}/route`,
      ["assembly/codec", "assembly/wire", "assembly/containers"],
      "Finding a route asks no host.",
    ),
    only(
      `${SB}/stream`,
      [
        `${SB}/connection`,
        `${SB}/route`,
        "assembly/codec",
        "assembly/filter",
        "assembly/format",
        "assembly/containers",
        SDK,
      ],
      "A stream is a record.",
    ),
    rule(
      "upstream-knows-no-downstream",
      { path: `^${SB}/upstream/` },
      { path: `^${SB}/(downstream|router|plugin)/` },
      "Pools tell a ResponseSink.",
    ),
    rule(
      "only-plugin-composes",
      { path: `^${SB}/(?!plugin/)` },
      { path: `^${SB}/plugin/` },
      "plugin/ puts the parts together.",
    ),
    only(
      "controlplane/api",
      ["controlplane/runtime", "controlplane/regex"],
      "Resources do no I/O.",
    ),
    only("controlplane/scaffold", [], "Writes files, and knows nothing of meshes."),
    only(
      "controlplane/kubernetes",
      ["controlplane/runtime"],
      "Objects and who keeps them, nothing of what they say.",
    ),
    only(
      "controlplane/admission",
      [
        "controlplane/api",
        "controlplane/identity",
        "controlplane/kubernetes",
        "controlplane/runtime",
      ],
      "One object at a time, and nothing of meshes.",
    ),
    only("controlplane/oci", ["controlplane/runtime"], "Registries of images hold anything."),
    only("controlplane/ir", [], "The model of the mesh depends on nothing."),
    rule(
      "xds-knows-no-resources",
      { path: "^controlplane/xds/" },
      { path: "^controlplane/(api|ir|translate|stores|server|cli)/" },
      "The server serves snapshots.",
    ),
    rule(
      "translation-to-xds-knows-no-user-api",
      { path: "^controlplane/translate/ir-to-" },
      { path: "^controlplane/api/" },
      "What users write is resolved in api-to-ir.",
    ),
    rule(
      "only-cli-uses-the-server",
      { path: "^controlplane/(?!cli/|server/)" },
      { path: "^controlplane/(server|cli)/" },
      "server/ composes, cli/ runs.",
    ),
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    exclude: { path: "(^|/)(dist|gen|build|node_modules)/" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.base.json" },
    enhancedResolveOptions: { extensions: [".ts", ".js"] },
  },
};
