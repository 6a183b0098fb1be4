// The service's method, for each cluster that is asked: encoded once, and kept as long as the VM.
// Allocates: for a cluster that was not named before.
import { GrpcMethod } from "../../proxy-wasm-as/host/grpc";

export class RateLimitMethod extends GrpcMethod {
  constructor(readonly cluster: string) {
    super(cluster, "envoy.service.ratelimit.v3.RateLimitService", "ShouldRateLimit");
  }
}

const methods: Array<RateLimitMethod> = new Array<RateLimitMethod>();

export function rateLimitMethod(cluster: string): RateLimitMethod {
  for (let i = 0; i < methods.length; i++) if (methods[i].cluster == cluster) return methods[i];
  // eslint-disable-next-line no-restricted-syntax -- once for each cluster
  const method = new RateLimitMethod(cluster);
  methods.push(method);
  return method;
}
