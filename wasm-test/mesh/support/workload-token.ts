// What kubelets mount into pods: tokens of service accounts, and the certificate of the mesh's authority.
import { waitUntil } from "../../envoy/support/deadline.js";
import type { ApiServer } from "./api-server.js";

/** For istiod, as in the projected volume `istio-token`. The service account has to be there. */
export async function workloadToken(
  server: ApiServer,
  namespace: string,
  serviceAccount: string,
): Promise<string> {
  const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${serviceAccount}/token`;
  const { status, body } = await server.call("POST", path, {
    apiVersion: "authentication.k8s.io/v1",
    kind: "TokenRequest",
    spec: { audiences: ["istio-ca"] },
  });
  if (status !== 201) throw new Error(`${path}: ${JSON.stringify(body)}`);
  return (body as { status: { token: string } }).status.token;
}

/** PEM; istiod writes it into each namespace. */
export function rootCertificate(server: ApiServer, namespace: string): Promise<string> {
  const path = `/api/v1/namespaces/${namespace}/configmaps/istio-ca-root-cert`;
  return waitUntil(
    `istiod has written ${path}`,
    async () => {
      const { status, body } = await server.call("GET", path);
      if (status !== 200) return undefined;
      return (body as { data: Readonly<Record<string, string>> }).data["root-cert.pem"];
    },
    { timeoutMs: 30_000 },
  );
}
