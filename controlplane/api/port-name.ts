const MANAGED = "metaprotocol";

/** Protocols that filters of Envoy's own serve, by the second part of the port's name. */
export type StockProtocol = "redis" | "kafka" | "zookeeper";

const STOCK: ReadonlySet<string> = new Set<StockProtocol>(["redis", "kafka", "zookeeper"]);

/** Protocols that Envoy has, or had, a filter of its own for, and a module speaks here. */
const NATIVE: ReadonlySet<string> = new Set(["dubbo", "thrift"]);

function isStock(name: string | undefined): name is StockProtocol {
  return name !== undefined && STOCK.has(name);
}

export type PortName =
  | {
      readonly kind: "managed";
      /** Application protocol, lower case. */ readonly protocol: string;
      /** It is called as for Aeraki's native filters, whose routes are those of VirtualServices. */
      readonly isNative: boolean;
    }
  /** A filter of Envoy's own serves it. */
  | { readonly kind: "stock"; readonly protocol: StockProtocol }
  | { readonly kind: "unmanaged" }
  | { readonly kind: "malformed"; readonly message: string };

/**
 * Reads `tcp-metaprotocol-<protocol>[-anything]`, for those who come from Aeraki `tcp-dubbo` and `tcp-thrift`, and, of the protocols that Envoy has filters for, such as
 * `tcp-redis[-anything]`; every other name is a port that is none of our business.
 */
export function parsePortName(name: string): PortName {
  const [transport, marker, protocol] = name.toLowerCase().split("-");
  if (transport === "tcp" && isStock(marker)) return { kind: "stock", protocol: marker };
  if (transport === "tcp" && marker !== undefined && NATIVE.has(marker))
    return { kind: "managed", protocol: marker, isNative: true };
  if (marker !== MANAGED) return { kind: "unmanaged" };
  const expected = "must be `tcp-metaprotocol-<protocol>`, such as `tcp-metaprotocol-dubbo`";
  if (transport !== "tcp")
    return { kind: "malformed", message: `\`${name}\` does not begin with \`tcp-\`: ${expected}` };
  if (protocol === undefined || protocol === "")
    return { kind: "malformed", message: `\`${name}\` names no protocol: ${expected}` };
  return { kind: "managed", protocol, isNative: false };
}
