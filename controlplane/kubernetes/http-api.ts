// The Kubernetes API over HTTP.
import {
  HttpMethod,
  IsomorphicFetchHttpLibrary,
  type KubeConfig,
  RequestContext,
} from "@kubernetes/client-node";
import type { Agent } from "node:https";
import { ApiError, type ApiRequest, type KubernetesApi } from "./api.js";

export interface HttpApiOptions {
  readonly config: KubeConfig;
  /** For an answer. Milliseconds, default 30 000. */
  readonly timeoutMs?: number;
}

export class HttpKubernetesApi implements KubernetesApi {
  readonly config: KubeConfig;
  private readonly server: string;
  private readonly timeoutMs: number;
  private readonly http = new IsomorphicFetchHttpLibrary();
  private agent: Agent | undefined;
  private agentKey = "";

  /** @throws Error when the configuration names no cluster. */
  constructor({ config, timeoutMs = 30_000 }: HttpApiOptions) {
    const cluster = config.getCurrentCluster();
    if (cluster === null) throw new Error("the kubeconfig names no current cluster");
    this.config = config;
    this.server = cluster.server;
    this.timeoutMs = timeoutMs;
  }

  async request(what: ApiRequest): Promise<unknown> {
    const signal = AbortSignal.timeout(this.timeoutMs);
    try {
      const request = await this.contextOf(what);
      request.setSignal(signal);
      const response = await this.http.send(request).toPromise();
      const { httpStatusCode: status } = response;
      const body = await response.body.text();
      if (status < 200 || status > 299) throw errorOf(status, body);
      return body === "" ? undefined : (JSON.parse(body) as unknown);
    } catch (error) {
      if (signal.aborted) throw new ApiError(0, "Timeout", `no answer within ${this.timeoutMs} ms`);
      throw ApiError.from(error);
    }
  }

  /** Ends idle connections. */
  close(): void {
    this.agent?.destroy();
  }

  private async contextOf(what: ApiRequest): Promise<RequestContext> {
    const { method, path, query = {}, body, contentType = "application/json" } = what;
    const context = new RequestContext(`${this.server}${path}`, HttpMethod[method]);
    for (const [name, value] of Object.entries(query)) context.setQueryParam(name, value);
    context.setHeaderParam("Accept", "application/json");
    if (body !== undefined) {
      context.setHeaderParam("Content-Type", contentType);
      context.setBody(JSON.stringify(body));
    }
    await this.config.applySecurityAuthentication(context);
    context.setAgent(this.lasting(context.getAgent() as Agent));
    return context;
  }

  /** client-node gives each request an agent, and so a connection, of its own. One that is like it is kept instead. */
  private lasting(agent: Agent): Agent {
    const key = JSON.stringify(agent.options);
    if (this.agent === undefined || this.agentKey !== key) {
      this.agent = Object.assign(agent, { keepAlive: true });
      this.agentKey = key;
    }
    return this.agent;
  }
}

/** Errors of the API are objects of the kind Status. */
function errorOf(status: number, body: string): ApiError {
  try {
    const { reason, message } = JSON.parse(body) as { reason?: unknown; message?: unknown };
    if (typeof message === "string")
      return new ApiError(status, typeof reason === "string" ? reason : "", message);
  } catch {
    // Some answers, such as those of proxies on the way, are no JSON.
  }
  const text = body.slice(0, 200).trim();
  return new ApiError(status, "", `HTTP ${status}${text === "" ? "" : `: ${text}`}`);
}
