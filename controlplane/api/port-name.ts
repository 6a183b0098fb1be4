const MANAGED = "metaprotocol";

export type PortName =
  | {
      readonly kind: "managed";
      /** Application protocol, lower case. */ readonly protocol: string;
    }
  | { readonly kind: "unmanaged" }
  | { readonly kind: "malformed"; readonly message: string };

/** Reads `tcp-metaprotocol-<protocol>[-anything]`; every other name is a port that is none of our business. */
export function parsePortName(name: string): PortName {
  const [transport, marker, protocol] = name.toLowerCase().split("-");
  if (marker !== MANAGED) return { kind: "unmanaged" };
  const expected = "must be `tcp-metaprotocol-<protocol>`, such as `tcp-metaprotocol-dubbo`";
  if (transport !== "tcp")
    return { kind: "malformed", message: `\`${name}\` does not begin with \`tcp-\`: ${expected}` };
  if (protocol === undefined || protocol === "")
    return { kind: "malformed", message: `\`${name}\` names no protocol: ${expected}` };
  return { kind: "managed", protocol };
}
