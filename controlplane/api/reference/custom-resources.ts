// The CustomResourceDefinitions of the kinds that are ours or Aeraki's. Istio's come with Istio.
import { applicationProtocolKind } from "../application-protocol.js";
import { dubboAuthorizationPolicyKind } from "../dubbo-authorization-policy.js";
import { metaAuthorizationPolicyKind } from "../meta-authorization-policy.js";
import { metaRouterKind } from "../meta-router.js";
import { redisDestinationKind } from "../redis-destination.js";
import { redisServiceKind } from "../redis-service.js";
import { type KindDefinition, pluralOf } from "../resource.js";
import { openApiOf } from "./open-api.js";

type Definition = Pick<
  KindDefinition<string, unknown>,
  "kind" | "group" | "versions" | "namespaced" | "shape"
>;

interface CustomResource {
  readonly definition: Definition;
  /** As Aeraki has them, where it has the kind. */
  readonly shortNames: readonly string[];
  readonly columns: readonly Column[];
}

interface Column {
  readonly name: string;
  readonly type: "string" | "date";
  readonly jsonPath: string;
  /** Above 0: only in wide output. */
  readonly priority?: number;
}

const AGE: Column = { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" };
const ACTION: Column = { name: "Action", type: "string", jsonPath: ".spec.action" };
const ACCEPTED: Column = {
  name: "Accepted",
  type: "string",
  jsonPath: '.status.conditions[?(@.type=="Accepted")].status',
};
/** Proxies that have acknowledged it, of those that ask for it. */
const PROGRAMMED: Column = { name: "Programmed", type: "string", jsonPath: ".status.programmed" };
/** With `-o wide`. */
const DEGRADED: Column = {
  name: "Degraded",
  type: "string",
  jsonPath: '.status.conditions[?(@.type=="Degraded")].message',
  priority: 1,
};
const STATUS_COLUMNS: readonly Column[] = [ACCEPTED, PROGRAMMED, AGE, DEGRADED];

const CUSTOM_RESOURCES: readonly CustomResource[] = [
  {
    definition: applicationProtocolKind,
    shortNames: [],
    columns: [
      { name: "Protocol", type: "string", jsonPath: ".spec.protocol" },
      { name: "Codec", type: "string", jsonPath: ".spec.codec" },
      ...STATUS_COLUMNS,
    ],
  },
  {
    definition: metaRouterKind,
    shortNames: [],
    columns: [{ name: "Hosts", type: "string", jsonPath: ".spec.hosts" }, ...STATUS_COLUMNS],
  },
  {
    definition: metaAuthorizationPolicyKind,
    shortNames: ["metap"],
    columns: [ACTION, ...STATUS_COLUMNS],
  },
  {
    definition: dubboAuthorizationPolicyKind,
    shortNames: ["dap"],
    columns: [ACTION, ...STATUS_COLUMNS],
  },
  {
    definition: redisServiceKind,
    shortNames: ["rsvc"],
    columns: [{ name: "Hosts", type: "string", jsonPath: ".spec.host" }, ...STATUS_COLUMNS],
  },
  {
    definition: redisDestinationKind,
    shortNames: ["rd"],
    columns: [{ name: "Host", type: "string", jsonPath: ".spec.host" }, ...STATUS_COLUMNS],
  },
];

const CONDITION = {
  type: "object",
  required: ["type", "status", "reason", "message", "lastTransitionTime"],
  properties: {
    type: { description: "Accepted, Degraded or Programmed.", type: "string", maxLength: 316 },
    status: { type: "string", enum: ["True", "False", "Unknown"] },
    reason: { description: "In one word.", type: "string", maxLength: 1024 },
    message: { description: "For people.", type: "string", maxLength: 32768 },
    lastTransitionTime: { description: "Since when.", type: "string", format: "date-time" },
    observedGeneration: {
      description: "Of the version that it is about.",
      type: "integer",
      format: "int64",
      minimum: 0,
    },
  },
};

const COUNT = { type: "integer", format: "int64", minimum: 0 };

/** What the controller writes of each resource. */
const STATUS = {
  description: "What has become of it; written by the controller.",
  type: "object",
  properties: {
    observedGeneration: {
      description: "Of the version that the status is about.",
      type: "integer",
      format: "int64",
    },
    conditions: {
      type: "array",
      items: CONDITION,
      maxItems: 16,
      "x-kubernetes-list-type": "map",
      "x-kubernetes-list-map-keys": ["type"],
    },
    warnings: {
      description: "What is probably not meant so, or has no effect.",
      type: "array",
      items: { type: "string" },
    },
    programmed: {
      description: "Proxies that have acknowledged it, of those that ask for it, such as 3/4.",
      type: "string",
    },
    proxies: {
      description: "Of all services that it is for; a proxy counts once for each.",
      type: "object",
      properties: { asking: COUNT, acknowledged: COUNT, refused: COUNT },
    },
  },
};

export interface CustomResourceDefinition {
  /** Such as `metarouters.metaprotocol.aeraki.io`. */
  readonly name: string;
  readonly document: object;
}

export function customResourceDefinitions(): readonly CustomResourceDefinition[] {
  return CUSTOM_RESOURCES.map((resource) => {
    const { kind, group } = resource.definition;
    const name = `${pluralOf(kind)}.${group}`;
    return { name, document: documentOf(name, resource) };
  });
}

function documentOf(name: string, { definition, shortNames, columns }: CustomResource): object {
  const { kind, group, versions, namespaced, shape } = definition;
  const singular = kind.toLowerCase();
  const schema = {
    type: "object",
    required: ["spec"],
    properties: {
      apiVersion: { type: "string" },
      kind: { type: "string" },
      metadata: { type: "object" },
      spec: openApiOf(shape),
      status: STATUS,
    },
  };
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name },
    spec: {
      group,
      scope: namespaced ? "Namespaced" : "Cluster",
      names: {
        kind,
        listKind: `${kind}List`,
        plural: pluralOf(kind),
        singular,
        ...(shortNames.length > 0 && { shortNames }),
        categories: ["metaproto", "aeraki-io", group.replaceAll(".", "-")],
      },
      versions: versions.map((version, index) => ({
        name: version,
        served: true,
        storage: index === 0,
        additionalPrinterColumns: columns,
        schema: { openAPIV3Schema: schema },
        subresources: { status: {} },
      })),
    },
  };
}
