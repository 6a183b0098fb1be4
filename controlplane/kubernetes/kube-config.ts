// Where the Kubernetes API is and who we are there, as kubectl and pods know it.
import { type Cluster, KubeConfig, type RequestContext } from "@kubernetes/client-node";
import type { RequestOptions } from "node:https";
import { HttpKubernetesApi } from "./http-api.js";

export interface KubernetesContext {
  readonly api: HttpKubernetesApi;
  /** Of the context, or of the pod that this runs in; undefined: it says none. */
  readonly namespace: string | undefined;
}

/**
 * @param file a kubeconfig; undefined: `KUBECONFIG`, `~/.kube/config`, or the service account of the pod.
 * @param userAgent for the server's audit log.
 * @throws Error when there is none, or it names no cluster.
 */
export function kubernetesContext(file: string | undefined, userAgent: string): KubernetesContext {
  const config = new NamedConfig(userAgent);
  if (file === undefined) config.loadFromDefault();
  else config.loadFromFile(file);
  const api = new HttpKubernetesApi({ config });
  return { api, namespace: config.getContextObject(config.currentContext)?.namespace };
}

/** Says who asks, with requests and with watches. */
class NamedConfig extends KubeConfig {
  constructor(private readonly userAgent: string) {
    super();
  }

  /** Paths are put behind the address as it is. */
  override getCurrentCluster(): Cluster | null {
    const cluster = super.getCurrentCluster();
    return cluster && { ...cluster, server: cluster.server.replace(/\/$/, "") };
  }

  /** Watches have no headers of their own. */
  override applyToFetchOptions(options: RequestOptions) {
    return super.applyToFetchOptions({ ...options, headers: { "User-Agent": this.userAgent } });
  }

  override async applySecurityAuthentication(context: RequestContext): Promise<void> {
    context.setHeaderParam("User-Agent", this.userAgent);
    await super.applySecurityAuthentication(context);
  }
}
