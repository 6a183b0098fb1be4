// What an API server knows of a webhook: a ValidatingWebhookConfiguration.
import { list, object, optional, required } from "../api/schema/composites.js";
import { anything, longText } from "../api/schema/scalars.js";
import { Findings, Site } from "../api/schema/site.js";
import type { KubernetesApi } from "../kubernetes/api.js";

const PATH = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations";

const isOpen = true;
const clientConfig = object({ caBundle: optional(longText, "base64 of PEM") }, { isOpen });
const configurationDocument = object(
  {
    metadata: required(anything, ""),
    webhooks: optional(list(object({ clientConfig: required(clientConfig, "") }, { isOpen })), ""),
  },
  { isOpen },
);

/**
 * Has the API server trust an authority in all webhooks of a configuration.
 * @param certificates PEM. @returns how many webhooks did not.
 * @throws Error when it cannot be read or written, or somebody else writes it at this moment.
 */
export async function trustAuthority(
  api: KubernetesApi,
  name: string,
  certificates: string,
): Promise<number> {
  const path = `${PATH}/${encodeURIComponent(name)}`;
  const document = await api.request({ method: "GET", path });
  const findings = new Findings("warning", "");
  const { webhooks = [] } = configurationDocument.read(document, Site.root(findings));
  const [fault] = findings.faults;
  if (fault !== undefined) throw new Error(`${name}: ${fault.path}: ${fault.message}`);
  const caBundle = Buffer.from(certificates).toString("base64");
  const wrong = webhooks.filter((webhook) => webhook.clientConfig.caBundle !== caBundle);
  if (wrong.length === 0) return 0;
  const body = withBundle(document, caBundle);
  await api.request({ method: "PUT", path, body });
  return wrong.length;
}

interface Written {
  readonly webhooks: readonly { readonly clientConfig: object }[];
}

/** Everything else as it is. */
function withBundle(document: unknown, caBundle: string): object {
  const written = document as Written;
  return {
    ...written,
    webhooks: written.webhooks.map((webhook) => ({
      ...webhook,
      clientConfig: { ...webhook.clientConfig, caBundle },
    })),
  };
}
