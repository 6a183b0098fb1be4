import { X509Certificate } from "node:crypto";
import { Gauge, type Registry } from "prom-client";

const NAME = "metaproto_certificate_expiry_timestamp_seconds";

/**
 * Shows when a certificate of this process ends.
 * @param use `xds` or `webhook`. @param certificateChain PEM, its own first.
 */
export function showExpiry(registry: Registry, use: string, certificateChain: string): void {
  const known = registry.getSingleMetric(NAME);
  const gauge =
    known instanceof Gauge
      ? known
      : new Gauge({
          name: NAME,
          help: "When the certificate in use ends, since the Unix epoch",
          labelNames: ["use"],
          registers: [registry],
        });
  gauge.set({ use }, Date.parse(new X509Certificate(certificateChain).validTo) / 1000);
}
