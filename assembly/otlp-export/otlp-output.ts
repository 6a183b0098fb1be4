// Where records go, as the configuration of a filter says it.
// Allocates: cold path only.

const DEFAULT_FLUSH_NS: i64 = 1_000_000_000;

export class OtlpOutput {
  /** Envoy's, of a collector that speaks OTLP over gRPC. */
  cluster: string = "";
  /** What waits is sent after so long at the latest. */
  flushNs: i64 = DEFAULT_FLUSH_NS;
  /** Attributes of the resource: keys and values in turn. */
  readonly resource: Array<string> = new Array<string>();

  /** Equal for outputs that can share an exporter. */
  get key(): string {
    let key = this.cluster + "\0" + this.flushNs.toString();
    for (let i = 0; i < this.resource.length; i++) key += "\0" + this.resource[i];
    return key;
  }
}
