import { parsePortName } from "./port-name.js";
import type { KindDefinition, ResourceEnvelope } from "./resource.js";
import {
  ignored,
  list,
  map,
  nonEmptyList,
  object,
  optional,
  required,
  withDefault,
} from "./schema/composites.js";
import { mapped, type Schema } from "./schema/schema.js";
import { integer, oneOf, text, textWithout } from "./schema/scalars.js";

const MAX_PORT = 65535;

export interface GatewayServer {
  readonly port: number;
  /** From the port's name; undefined: the server is not managed. */
  readonly applicationProtocol: string | undefined;
  /** `host` or `namespace/host`. */
  readonly hosts: readonly string[];
  /** Undefined: plain text. */
  readonly tlsMode: TlsMode | undefined;
}

type TlsMode =
  "PASSTHROUGH" | "SIMPLE" | "MUTUAL" | "AUTO_PASSTHROUGH" | "ISTIO_MUTUAL" | "OPTIONAL_MUTUAL";

export interface GatewaySpec {
  /** Labels of the gateway's workloads. */
  readonly selector: Readonly<Record<string, string>>;
  readonly servers: readonly GatewayServer[];
}

/** Of Istio; only under Istio of any effect. */
export type Gateway = ResourceEnvelope<"Gateway", GatewaySpec>;

const server: Schema<GatewayServer> = mapped(
  object({
    port: required(
      object({
        number: required(integer(1, MAX_PORT), "that clients connect to"),
        name: required(
          textWithout((name) => {
            const parsed = parsePortName(name);
            return parsed.kind === "malformed" ? parsed.message : undefined;
          }),
          "as of a ServiceEntry",
        ),
        protocol: ignored("not applied, silently: the protocol is in the name"),
        targetPort: ignored(),
      }),
      "",
    ),
    hosts: withDefault(
      list(text),
      [],
      "`namespace/host`: only MetaRouters of that namespace (`.`: the Gateway's) may use the server; the hosts themselves matter for TLS",
    ),
    tls: optional(
      object(
        {
          mode: withDefault(
            oneOf(
              "PASSTHROUGH",
              "SIMPLE",
              "MUTUAL",
              "AUTO_PASSTHROUGH",
              "ISTIO_MUTUAL",
              "OPTIONAL_MUTUAL",
            ),
            "PASSTHROUGH",
            "what is passed through cannot be managed",
            "`PASSTHROUGH`",
          ),
        },
        { isOpen: true },
      ),
      "Istio's",
    ),
    name: ignored(),
    bind: ignored(),
    defaultEndpoint: ignored(),
  }),
  ({ port, hosts, tls }) => {
    const parsed = parsePortName(port.name);
    return {
      port: port.number,
      applicationProtocol: parsed.kind === "managed" ? parsed.protocol : undefined,
      hosts,
      tlsMode: tls?.mode,
    };
  },
);

const spec: Schema<GatewaySpec> = object({
  selector: withDefault(map(text), {}, "labels of the gateway's workloads"),
  servers: required(nonEmptyList(server, "at least one server is required"), ""),
});

export const gatewayKind: KindDefinition<"Gateway", GatewaySpec> = {
  kind: "Gateway",
  group: "networking.istio.io",
  versions: ["v1", "v1beta1", "v1alpha3"],
  namespaced: true,
  unknownFields: "warning",
  shape: spec.shape,
  readSpec: spec.read,
};
