// Generates controlplane/gen from proto/metaproto and from the part of Envoy's API that the control
// plane uses, and wasm-test/gen from what tests say to other servers (rate limits, OpenTelemetry). With
// --check nothing is written: differences from what is committed are an error.
//
// Envoy's .proto files come from the package @grpc/grpc-js-xds. Comments, annotations and whatever
// is not reachable from TYPES are left out; proto/overlay has the files that the package lacks or has
// in a version that is too old.
import { spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const packageProtos = join(root, "node_modules/@grpc/grpc-js-xds/deps");
const ENVOY_ROOTS = [
  join(root, "proto/overlay"),
  ...["envoy-api", "xds", "googleapis"].map((folder) => join(packageProtos, folder)),
];

/** What the control plane reads or writes, with the file that declares it. */
const CONTROL_PLANE_TYPES = {
  "envoy/service/discovery/v3/discovery.proto": [
    "envoy.service.discovery.v3.DiscoveryRequest",
    "envoy.service.discovery.v3.DiscoveryResponse",
  ],
  "envoy/config/bootstrap/v3/bootstrap.proto": ["envoy.config.bootstrap.v3.Bootstrap"],
  "envoy/config/listener/v3/listener.proto": ["envoy.config.listener.v3.Listener"],
  "envoy/config/cluster/v3/cluster.proto": ["envoy.config.cluster.v3.Cluster"],
  "envoy/config/endpoint/v3/endpoint.proto": ["envoy.config.endpoint.v3.ClusterLoadAssignment"],
  "envoy/config/core/v3/extension.proto": ["envoy.config.core.v3.TypedExtensionConfig"],
  "envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy.proto": [
    "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
  ],
  "envoy/extensions/filters/network/redis_proxy/v3/redis_proxy.proto": [
    "envoy.extensions.filters.network.redis_proxy.v3.RedisProxy",
    "envoy.extensions.filters.network.redis_proxy.v3.RedisProtocolOptions",
  ],
  "envoy/extensions/filters/network/kafka_broker/v3/kafka_broker.proto": [
    "envoy.extensions.filters.network.kafka_broker.v3.KafkaBroker",
  ],
  "envoy/extensions/filters/network/zookeeper_proxy/v3/zookeeper_proxy.proto": [
    "envoy.extensions.filters.network.zookeeper_proxy.v3.ZooKeeperProxy",
  ],
  "envoy/extensions/clusters/redis/v3/redis_cluster.proto": [
    "envoy.extensions.clusters.redis.v3.RedisClusterConfig",
  ],
  "envoy/extensions/filters/network/echo/v3/echo.proto": [
    "envoy.extensions.filters.network.echo.v3.Echo",
  ],
  "envoy/extensions/filters/network/wasm/v3/wasm.proto": [
    "envoy.extensions.filters.network.wasm.v3.Wasm",
  ],
  "envoy/extensions/transport_sockets/tls/v3/tls.proto": [
    "envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
    "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
  ],
  "envoy/extensions/upstreams/http/v3/http_protocol_options.proto": [
    "envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
  ],
  "envoy/extensions/bootstrap/internal_listener/v3/internal_listener.proto": [
    "envoy.extensions.bootstrap.internal_listener.v3.InternalListener",
  ],
  "metaproto/v1/route.proto": ["metaproto.v1"],
  "metaproto/v1/plugin.proto": ["metaproto.v1"],
  "metaproto/v1/frame.proto": ["metaproto.v1"],
  "metaproto/filters/v1/access_log.proto": ["metaproto.filters.v1"],
  "metaproto/filters/v1/authorization.proto": ["metaproto.filters.v1"],
  "metaproto/filters/v1/fault.proto": ["metaproto.filters.v1"],
  "metaproto/filters/v1/global_rate_limit.proto": ["metaproto.filters.v1"],
  "metaproto/filters/v1/local_rate_limit.proto": ["metaproto.filters.v1"],
  "metaproto/filters/v1/stats.proto": ["metaproto.filters.v1"],
  "metaproto/filters/v1/tracing.proto": ["metaproto.filters.v1"],
};

/** What tests say to servers that the data plane speaks to. */
const TEST_TYPES = {
  "envoy/service/ratelimit/v3/rls.proto": ["envoy.service.ratelimit.v3"],
  "opentelemetry/proto/collector/logs/v1/logs_service.proto": [
    "opentelemetry.proto.collector.logs.v1",
  ],
  "opentelemetry/proto/collector/trace/v1/trace_service.proto": [
    "opentelemetry.proto.collector.trace.v1",
  ],
};

/** Parts of the API that drag in much and that no file we write ever has. */
const EXCLUDED_TYPES = [
  "envoy.config.accesslog.v3",
  "envoy.config.cluster.v3.Filter",
  "envoy.config.cluster.v3.LoadBalancingPolicy",
  "envoy.config.core.v3.BindConfig",
  "envoy.config.core.v3.EventServiceConfig",
  "envoy.config.core.v3.HealthCheck",
  "envoy.config.core.v3.Http3ProtocolOptions",
  "envoy.config.core.v3.SubstitutionFormatString",
  "envoy.config.core.v3.ProxyProtocolConfig",
  "envoy.config.core.v3.QuicKeepAliveSettings",
  "envoy.config.core.v3.QuicProtocolOptions",
  "envoy.config.core.v3.UdpSocketConfig",
  "envoy.config.listener.v3.ApiListener",
  "envoy.config.listener.v3.UdpListenerConfig",
  "envoy.config.overload.v3",
  "envoy.config.route.v3",
  "envoy.config.trace.v3",
  "envoy.data.accesslog.v3",
  "envoy.extensions.common.dynamic_forward_proxy.v3",
  "envoy.extensions.filters.network.http_connection_manager.v3",
  "xds.core.v3.CollectionEntry",
  "xds.type.matcher.v3.Matcher",
];

const outputs = [
  { folder: "controlplane/gen", types: CONTROL_PLANE_TYPES, excluded: EXCLUDED_TYPES },
  { folder: "wasm-test/gen", types: TEST_TYPES, excluded: [] },
];

/** Fields of a newer API than the package has, which older proxies skip: file -> message -> declaration. */
const NEWER_FIELDS = {
  "envoy/config/listener/v3/listener.proto": {
    Listener: "google.protobuf.Duration per_connection_buffer_high_watermark_timeout = 38;",
  },
  "envoy/config/cluster/v3/cluster.proto": {
    Cluster: "google.protobuf.Duration per_connection_buffer_high_watermark_timeout = 60;",
  },
};

/** Files that only declare options, which are stripped. */
const ANNOTATIONS =
  /^(validate|udpa\/annotations|xds\/annotations|envoy\/annotations|google\/api)\//;

/** The definitions without comments and options: neither changes what is sent. */
function strip(source) {
  let depth = 0;
  let text = "";
  const tokens = /\/\/[^\n]*|\/\*[\s\S]*?\*\/|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[\s\S]/g;
  for (const [token] of source.matchAll(tokens)) {
    if (token.startsWith("//") || token.startsWith("/*")) continue;
    if (token === "[") depth++;
    else if (token === "]") depth--;
    else if (depth === 0) text += token;
  }
  return text
    .replaceAll(/\boption\s+(?:"(?:\\.|[^"\\])*"|[^;"])*;/g, "")
    .replaceAll(/^import "([^"]*)";\s*?$/gm, (line, path) => (ANNOTATIONS.test(path) ? "" : line));
}

function addNewerFields(file, text) {
  let result = text;
  for (const [message, field] of Object.entries(NEWER_FIELDS[file] ?? {})) {
    const head = new RegExp(`^message ${message} \\{`, "m");
    if (!head.test(text)) throw new Error(`${file} has no message ${message}`);
    result = result.replace(head, `$&\n  ${field}`);
  }
  return result;
}

/** Copies `file` and what it imports, stripped, into `stage`. */
function stageEnvoy(file, stage) {
  const target = join(stage, file);
  if (file.startsWith("google/protobuf/") || existsSync(target)) return;
  const folder = ENVOY_ROOTS.find((candidate) => existsSync(join(candidate, file)));
  if (folder === undefined) throw new Error(`${file} is in none of ${ENVOY_ROOTS.join(", ")}`);
  const text = addNewerFields(file, strip(readFileSync(join(folder, file), "utf8")));
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, text);
  for (const [, imported] of text.matchAll(/^import (?:public )?"([^"]*)";/gm)) {
    stageEnvoy(imported, stage);
  }
}

function generate({ types, excluded }, target) {
  const stage = mkdtempSync(join(tmpdir(), "metaproto-proto-"));
  try {
    for (const folder of ["metaproto", "opentelemetry"]) {
      cpSync(join(root, "proto", folder), join(stage, folder), { recursive: true });
    }
    for (const file of Object.keys(types)) {
      if (file.startsWith("envoy/")) stageEnvoy(file, stage);
    }
    writeFileSync(join(stage, "buf.yaml"), JSON.stringify({ version: "v2" }));
    const template = {
      version: "v2",
      plugins: [
        {
          local: join(root, "node_modules/.bin/protoc-gen-es"),
          out: target,
          opt: ["target=ts", "import_extension=js"],
        },
      ],
      inputs: [
        {
          directory: stage,
          types: [...new Set(Object.values(types).flat())],
          exclude_types: excluded,
        },
      ],
    };
    const buf = join(root, "node_modules/.bin/buf");
    const run = spawnSync(buf, ["generate", "--template", JSON.stringify(template)], {
      cwd: stage,
      stdio: ["ignore", "inherit", "inherit"],
    });
    if (run.error) throw run.error;
    if (run.status !== 0) throw new Error(`buf generate failed with ${run.status}`);
  } finally {
    rmSync(stage, { recursive: true, force: true });
  }
}

/** Relative path -> content of every file below `folder`. */
function filesBelow(folder) {
  if (!existsSync(folder)) return new Map();
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  return new Map(
    files.sort().map((file) => [file.slice(folder.length + 1), readFileSync(file, "utf8")]),
  );
}

function check(output) {
  const { folder } = output;
  const target = mkdtempSync(join(tmpdir(), "metaproto-gen-"));
  try {
    generate(output, target);
    const committed = filesBelow(join(root, folder));
    const fresh = filesBelow(target);
    const different = [...new Set([...committed.keys(), ...fresh.keys()])].filter(
      (file) => committed.get(file) !== fresh.get(file),
    );
    if (different.length === 0) return;
    console.error(`${folder} is not what proto/ generates: ${different.join(", ")}`);
    console.error("Run `npm run gen` and commit the result.");
    process.exitCode = 1;
  } finally {
    rmSync(target, { recursive: true, force: true });
  }
}

for (const output of outputs) {
  if (process.argv.includes("--check")) {
    check(output);
    continue;
  }
  const folder = join(root, output.folder);
  rmSync(folder, { recursive: true, force: true });
  generate(output, folder);
  console.log(`${filesBelow(folder).size} files in ${output.folder}`);
}
