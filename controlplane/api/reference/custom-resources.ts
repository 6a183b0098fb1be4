// The CustomResourceDefinitions of the kinds that are ours or Aeraki's. Istio's come with Istio.
import { applicationProtocolKind } from "../application-protocol.js";
import { dubboAuthorizationPolicyKind } from "../dubbo-authorization-policy.js";
import { metaAuthorizationPolicyKind } from "../meta-authorization-policy.js";
import { metaRouterKind } from "../meta-router.js";
import type { KindDefinition } from "../resource.js";
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
}

const AGE: Column = { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" };
const ACTION: Column = { name: "Action", type: "string", jsonPath: ".spec.action" };

const CUSTOM_RESOURCES: readonly CustomResource[] = [
  {
    definition: applicationProtocolKind,
    shortNames: [],
    columns: [
      { name: "Protocol", type: "string", jsonPath: ".spec.protocol" },
      { name: "Codec", type: "string", jsonPath: ".spec.codec" },
      AGE,
    ],
  },
  {
    definition: metaRouterKind,
    shortNames: [],
    columns: [{ name: "Hosts", type: "string", jsonPath: ".spec.hosts" }, AGE],
  },
  { definition: metaAuthorizationPolicyKind, shortNames: [], columns: [ACTION, AGE] },
  { definition: dubboAuthorizationPolicyKind, shortNames: ["dap"], columns: [ACTION, AGE] },
];

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
      status: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
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
        categories: ["aeraki-io", group.replaceAll(".", "-")],
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

function pluralOf(kind: string): string {
  const singular = kind.toLowerCase();
  return singular.endsWith("y") ? `${singular.slice(0, -1)}ies` : `${singular}s`;
}
