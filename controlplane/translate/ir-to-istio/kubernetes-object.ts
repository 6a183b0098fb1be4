import type { JsonValue } from "@bufbuild/protobuf";

/** An object as the API server takes it. */
export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec: { readonly [field: string]: JsonValue };
}

/** On everything that is written for the mesh: what has it and is not wanted any more may be deleted. */
export const MANAGED_BY: Readonly<Record<string, string>> = {
  "app.kubernetes.io/managed-by": "metaproto",
};

/** What an object is for. */
export const COMPONENT_LABEL = "metaproto.io/component";

export type Component =
  | "control-plane"
  | "module"
  | "plugin"
  | "filters"
  | "outbound"
  | "inbound"
  | "gateway"
  | "canary"
  | "waypoint"
  | "stock";
