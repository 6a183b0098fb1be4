// Resources of services that Envoy's own filter for Redis serves, as an operator would write them.

export interface RedisEntry {
  /** `<name>.test` is its host. */
  readonly name: string;
  readonly port: number;
  /** Ports of the servers on 127.0.0.1. */
  readonly servers: readonly number[];
}

export function redisEntry({ name, port, servers }: RedisEntry): object {
  return {
    apiVersion: "networking.istio.io/v1",
    kind: "ServiceEntry",
    metadata: { name },
    spec: {
      hosts: [`${name}.test`],
      ports: [{ number: port, name: "tcp-redis" }],
      resolution: "STATIC",
      endpoints: servers.map((server) => ({
        address: "127.0.0.1",
        ports: { "tcp-redis": server },
      })),
    },
  };
}

function resource(kind: string, name: string, spec: object): object {
  return { apiVersion: "redis.aeraki.io/v1alpha1", kind, metadata: { name }, spec };
}

/** `spec`: all but its host. */
export function redisService(name: string, spec: object): object {
  return resource("RedisService", name, { host: [`${name}.test`], ...spec });
}

/** @param pool `trafficPolicy.connectionPool`. */
export function redisDestination(name: string, pool: object): object {
  const trafficPolicy = { connectionPool: pool };
  return resource("RedisDestination", name, { host: `${name}.test`, trafficPolicy });
}

/** TLS to the servers of a host, whose certificates are those of an authority. */
export function tlsRule(name: string, caCertificates: string): object {
  return {
    apiVersion: "networking.istio.io/v1",
    kind: "DestinationRule",
    metadata: { name },
    spec: {
      host: `${name}.test`,
      trafficPolicy: { tls: { mode: "SIMPLE", caCertificates } },
    },
  };
}
