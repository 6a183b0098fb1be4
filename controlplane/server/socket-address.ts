/** Where to listen or connect. */
export interface SocketAddress {
  /** An IP address (IPv6 without brackets) or a DNS name. */
  readonly host: string;
  readonly port: number;
}

/**
 * Parses `host:port`, `[ipv6]:port` or `:port`, which is a port of 127.0.0.1.
 * @throws Error that names the text.
 */
export function parseSocketAddress(text: string): SocketAddress {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:\s]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) {
    throw new Error(`${JSON.stringify(text)} is not of the form host:port`);
  }
  const host = match[1] ?? match[2] ?? "";
  return { host: host === "" ? "127.0.0.1" : host, port };
}

export function formatSocketAddress({ host, port }: SocketAddress): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
