// What is asked of the Kubernetes API, and how it says no.
import type { KubeConfig } from "@kubernetes/client-node";

export interface ApiRequest {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Such as `/api/v1/namespaces/shop/services`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  /** Is sent as JSON. */
  readonly body?: unknown;
  /** Default: `application/json`. */
  readonly contentType?: "application/json" | "application/merge-patch+json";
}

export interface KubernetesApi {
  /** Where it is and who we are there, for watches. */
  readonly config: KubeConfig;
  /** The JSON of the answer. @throws ApiError when the server says no or cannot be reached. */
  request(request: ApiRequest): Promise<unknown>;
}

/** An answer that is none of 2xx, or none at all. */
export class ApiError extends Error {
  /**
   * @param status of HTTP; 0: there was no answer.
   * @param reason as the server has it, such as `NotFound`; empty: it gave none.
   */
  constructor(
    readonly status: number,
    readonly reason: string,
    message: string,
  ) {
    super(message);
  }

  static from(error: unknown): ApiError {
    if (error instanceof ApiError) return error;
    if (!(error instanceof Error)) return new ApiError(0, "", String(error));
    // What cannot be reached is one trouble, whichever of its paths was asked for.
    const message = error.message.replace(/^request to \S+ failed, reason: /, "");
    return new ApiError(statusOf(error), "", message);
  }

  get isNotFound(): boolean {
    return this.status === 404;
  }

  /** Somebody else was faster: read it again. */
  get isConflict(): boolean {
    return this.status === 409;
  }

  /** What was asked for is not kept any more: list again. */
  get isGone(): boolean {
    return this.status === 410;
  }
}

/** Of a watch that the server has refused, as client-node has it. */
function statusOf(error: Error): number {
  return "statusCode" in error && typeof error.statusCode === "number" ? error.statusCode : 0;
}
