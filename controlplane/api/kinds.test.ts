import { describe, expect, it, test } from "vitest";
import { formatFault } from "./fault.js";
import { validateResource } from "./kinds.js";
import { DOCUMENTS as WHOLE_DOCUMENTS } from "./reference/testing/whole-documents.js";
import { faultOf, type Metadata, pluralOf } from "./resource.js";

const PROTOCOL = {
  apiVersion: "metaprotocol.aeraki.io/v1alpha1",
  kind: "ApplicationProtocol",
  metadata: { name: "my-proto" },
  spec: { protocol: "myproto", codec: "aeraki.meta_protocol.codec.dubbo" },
};

function faultsOf(document: unknown): string[] {
  const validation = validateResource(document);
  if (validation.outcome !== "invalid") return [];
  return validation.faults.map(({ path, message }) => `${path}: ${message}`);
}

test.each([
  ["MetaRouter", "metarouters"],
  ["ServiceEntry", "serviceentries"],
  ["Gateway", "gateways"],
])("the API has %s as %s", (kind, plural) => {
  expect(pluralOf(kind)).toBe(plural);
});

describe("a document", () => {
  it("is a resource of the kind that it names", () => {
    expect(validateResource(PROTOCOL)).toEqual({
      outcome: "valid",
      id: { kind: "ApplicationProtocol", namespace: "", name: "my-proto" },
      warnings: [],
      resource: {
        kind: "ApplicationProtocol",
        apiVersion: "metaprotocol.aeraki.io/v1alpha1",
        metadata: {
          name: "my-proto",
          namespace: "",
          labels: {},
          annotations: {},
          creationTimestamp: undefined,
        },
        spec: { protocol: "myproto", codec: "aeraki.meta_protocol.codec.dubbo", settings: {} },
        origin: undefined,
      },
    });
  });

  it("may have what Kubernetes adds to it", () => {
    const metadata = {
      ...PROTOCOL.metadata,
      uid: "1",
      managedFields: [{}],
      creationTimestamp: "2024-02-29T12:00:00Z",
    };
    expect(faultsOf({ ...PROTOCOL, metadata, status: { conditions: [] } })).toEqual([]);
  });

  it("is in the namespace `default` if it names none, and its kind has namespaces", () => {
    const entry = {
      apiVersion: "networking.istio.io/v1",
      kind: "WorkloadEntry",
      metadata: { name: "a" },
    };
    expect(validateResource({ ...entry, spec: { address: "10.0.0.1" } })).toMatchObject({
      id: { namespace: "default" },
    });
  });

  it.each([
    [null, ": must be an object with apiVersion, kind and spec"],
    [{ kind: "MetaRouter" }, "apiVersion: is required"],
    [{ apiVersion: "metaprotocol.aeraki.io/v1alpha1" }, "kind: is required"],
    [{ ...PROTOCOL, metadata: undefined }, "metadata: is required"],
    [{ ...PROTOCOL, metadata: {} }, "metadata.name: is required"],
    [
      { ...PROTOCOL, metadata: { name: "a b" } },
      "metadata.name: `a b` is not a valid name: only letters, digits, `-` and `.` may occur, and it must begin and end with a letter or digit",
    ],
    [
      { ...PROTOCOL, metadata: { name: "a", labels: { version: 1 } } },
      "metadata.labels.version: must be a string, not 1; put it in quotes",
    ],
    [{ ...PROTOCOL, spec: undefined }, "spec: is required"],
    [{ ...PROTOCOL, spec: [] }, "spec: must be an object, not a list"],
    [{ ...PROTOCOL, sepc: {} }, "sepc: unknown field; did you mean `spec`?"],
    [
      { ...PROTOCOL, apiVersion: "metaprotocol.aeraki.io/v2" },
      "apiVersion: must be metaprotocol.aeraki.io/v1alpha1, not `metaprotocol.aeraki.io/v2`",
    ],
    [{ ...PROTOCOL, spec: { protocol: "a-b", codec: "c" } }, "spec.protocol: must not contain `-`"],
    [
      { ...PROTOCOL, spec: { protocol: "a" } },
      "spec.codec: is required, unless `frame` describes the protocol",
    ],
    [{ ...PROTOCOL, spec: { protocol: "a", codec: "" } }, "spec.codec: must not be empty"],
  ])("%#: tells what is wrong", (document, fault) => {
    expect(faultsOf(document)).toEqual([fault]);
  });

  it.each(["v1", "v1beta1", "v1alpha3"])("of Istio may be of %s", (version) => {
    const entry = {
      apiVersion: `networking.istio.io/${version}`,
      kind: "WorkloadEntry",
      metadata: { name: "a" },
      spec: { address: "10.0.0.1" },
    };
    expect(validateResource(entry).outcome).toBe("valid");
  });

  it.each(["apps/v1", "v1", "metaprotocol.aeraki.io/v1alpha1"])(
    "of another kind, of %s, is only warned of",
    (apiVersion) => {
      expect(validateResource({ apiVersion, kind: "Deployment" })).toEqual({
        outcome: "unsupported",
        warnings: [
          {
            path: "",
            message: `resources of the kind Deployment of ${apiVersion} are not read; this one has no effect`,
          },
        ],
      });
    },
  );

  it("of Istio may have fields of a version to come, with a warning", () => {
    const validation = validateResource({
      apiVersion: "networking.istio.io/v1",
      kind: "WorkloadEntry",
      metadata: { name: "a" },
      spec: { address: "10.0.0.1", novelty: true },
    });
    expect(validation).toMatchObject({
      outcome: "valid",
      warnings: [{ path: "spec.novelty", message: "unknown field" }],
    });
  });
});

describe("whatever stands in a document", () => {
  const DOCUMENTS = [
    {
      ...PROTOCOL,
      spec: {
        ...PROTOCOL.spec,
        connectionMode: "SHARED",
        limits: { maxFrameBytes: 1, maxBufferedBytes: 1 },
        defaultTimeout: "1s",
      },
    },
    {
      apiVersion: "networking.istio.io/v1",
      kind: "ServiceEntry",
      metadata: { name: "a", annotations: { "metaproto.io/tls-ca": "/ca" } },
      spec: {
        hosts: ["a.b"],
        addresses: ["10.0.0.1"],
        ports: [{ number: 1, name: "tcp-metaprotocol-dubbo", targetPort: 2 }],
        resolution: "STATIC",
        endpoints: [{ address: "10.0.0.1", ports: { a: 1 }, labels: { a: "b" }, locality: "a/b" }],
        workloadSelector: { labels: { a: "b" } },
        exportTo: ["."],
      },
    },
    {
      apiVersion: "networking.istio.io/v1",
      kind: "DestinationRule",
      metadata: { name: "a" },
      spec: {
        host: "a.b",
        subsets: [{ name: "v1", labels: { a: "b" } }],
        trafficPolicy: {
          loadBalancer: { consistentHash: { httpHeaderName: "a" } },
          connectionPool: { tcp: { tcpKeepalive: { time: "1s" } }, http: { http2MaxRequests: 1 } },
          outlierDetection: { interval: "1s" },
          tls: { mode: "SIMPLE", subjectAltNames: ["a"] },
          portLevelSettings: [{ port: { number: 1 } }],
        },
      },
    },
    ...WHOLE_DOCUMENTS,
  ];
  const ODDITIES = [
    null,
    [],
    {},
    [null],
    [[]],
    { a: null },
    0,
    -1,
    0.5,
    1e300,
    "",
    "x",
    true,
    "__proto__",
  ];

  /** Copies of a value with one part of it replaced. */
  function* variantsOf(value: unknown): Generator {
    yield* ODDITIES;
    if (typeof value !== "object" || value === null) return;
    for (const [key, part] of Object.entries(value))
      for (const variant of variantsOf(part))
        yield Array.isArray(value)
          ? value.map((item: unknown, index) => (String(index) === key ? variant : item))
          : { ...value, [key]: variant };
  }

  it.each(DOCUMENTS)("%#: it is judged, and faults have a path and a message", (document) => {
    let invalid = 0;
    for (const variant of variantsOf(document)) {
      const validation = validateResource(variant);
      if (validation.outcome !== "invalid") continue;
      invalid++;
      for (const { path, message } of validation.faults) {
        expect(path).toMatch(/^$|^[a-zA-Z]/);
        expect(message).not.toBe("");
      }
    }
    expect(invalid).toBeGreaterThan(50);
  });
});

describe("a fault", () => {
  const metadata: Metadata = {
    name: "demo",
    namespace: "meta",
    labels: {},
    annotations: {},
    creationTimestamp: undefined,
  };

  it("names file, line, resource and field", () => {
    const origin = {
      file: "mesh/a.yaml",
      lines: new Map([
        ["", 1],
        ["spec", 4],
        ["spec.routes[0]", 7],
      ]),
    };
    const fault = faultOf(
      { kind: "MetaRouter", metadata, origin },
      { path: "spec.routes[0].route", message: "is required" },
    );
    expect(formatFault(fault)).toBe(
      "mesh/a.yaml:7: MetaRouter/demo: spec.routes[0].route: is required",
    );
  });

  it("names what is known", () => {
    const fault = faultOf(
      { kind: "MetaRouter", metadata, origin: undefined },
      { path: "", message: "bad" },
    );
    expect(formatFault(fault)).toBe("MetaRouter/meta/demo: bad");
  });
});
