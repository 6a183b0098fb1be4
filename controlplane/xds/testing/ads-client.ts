// An ADS client for tests: a stream on which the test decides each request.
import {
  type ChannelCredentials,
  Client,
  type ClientDuplexStream,
  credentials,
} from "@grpc/grpc-js";
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import type { NodeSchema } from "../../gen/envoy/config/core/v3/base_pb.js";
import {
  type DiscoveryRequest,
  DiscoveryRequestSchema,
  type DiscoveryResponse,
  DiscoveryResponseSchema,
} from "../../gen/envoy/service/discovery/v3/discovery_pb.js";
import { AGGREGATED_DISCOVERY_PATH } from "../discovery-service.js";
import type { ResourceType } from "../resource-type.js";

const DEADLINE_MS = 60_000;

export interface RequestOptions {
  readonly names?: readonly string[];
  readonly nonce?: string;
  readonly version?: string;
  readonly error?: string;
}

export interface ClientOptions {
  readonly method?: string;
  /** Default: no TLS. */
  readonly credentials?: ChannelCredentials;
  /** That the server's certificate must have. */
  readonly serverName?: string;
  /** Of a module: the name that its version has in proxies. */
  readonly plugin?: string;
}

export class AdsClient {
  private readonly client: Client;
  private readonly stream: ClientDuplexStream<Buffer, DiscoveryResponse>;
  private readonly responses: DiscoveryResponse[] = [];
  private waiting: (() => void)[] = [];
  /** Set when the stream has ended: its status, code and text. */
  ended: { code: number; details: string } | undefined;
  private isFirst = true;

  constructor(
    port: number,
    private readonly node = "envoy-1",
    private readonly agent = "envoy",
    private readonly options: ClientOptions = {},
  ) {
    const { method = "StreamAggregatedResources", serverName } = options;
    const secure = options.credentials ?? credentials.createInsecure();
    this.client = new Client(`127.0.0.1:${port}`, secure, {
      "grpc.max_receive_message_length": -1,
      "grpc.use_local_subchannel_pool": 1,
      ...(serverName !== undefined && { "grpc.ssl_target_name_override": serverName }),
    });
    this.stream = this.client.makeBidiStreamRequest(
      AGGREGATED_DISCOVERY_PATH.replace("StreamAggregatedResources", method),
      (bytes: Buffer) => bytes,
      (bytes: Buffer) => fromBinary(DiscoveryResponseSchema, bytes),
    );
    this.stream.on("data", (response: DiscoveryResponse) => {
      this.responses.push(response);
      this.wake();
    });
    // The status event says the same.
    this.stream.on("error", () => undefined);
    this.stream.on("status", (status: { code: number; details: string }) => {
      this.ended = status;
      this.wake();
    });
  }

  /** Subscribes, accepts (with a nonce) or refuses (with an error). The node is in the first request only. */
  request({ typeUrl }: ResourceType, options: RequestOptions = {}): void {
    const request: DiscoveryRequest = create(DiscoveryRequestSchema, {
      typeUrl,
      resourceNames: [...(options.names ?? [])],
      responseNonce: options.nonce ?? "",
      versionInfo: options.version ?? "",
      ...(this.isFirst && this.node !== ""
        ? { node: { id: this.node, cluster: "test", userAgentName: this.agent, ...this.version } }
        : {}),
      ...(options.error === undefined ? {} : { errorDetail: { code: 13, message: options.error } }),
    });
    this.isFirst = false;
    this.writeRaw(toBinary(DiscoveryRequestSchema, request));
  }

  private get version(): MessageInitShape<typeof NodeSchema> {
    const { plugin } = this.options;
    if (plugin === undefined) return {};
    return { userAgentVersionType: { case: "userAgentVersion", value: plugin } };
  }

  /** One message of these bytes. */
  writeRaw(bytes: Uint8Array): void {
    this.stream.write(Buffer.from(bytes));
  }

  accept(type: ResourceType, response: DiscoveryResponse, names: readonly string[] = []): void {
    this.request(type, { names, nonce: response.nonce, version: response.versionInfo });
  }

  /** The next response, which has to be of this type. @throws Error when there is none in time. */
  async next(type: ResourceType): Promise<DiscoveryResponse> {
    await this.until(() => this.responses.length > 0, `a response of ${type.name}`);
    const response = this.responses.shift();
    if (response?.typeUrl !== type.typeUrl) {
      throw new Error(`expected ${type.name}, got ${response?.typeUrl ?? "nothing"}`);
    }
    return response;
  }

  /** The next response, accepted. */
  async take(type: ResourceType, names: readonly string[] = []): Promise<DiscoveryResponse> {
    const response = await this.next(type);
    this.accept(type, response, names);
    return response;
  }

  /** Waits until the server has ended the stream. */
  async end(): Promise<{ code: number; details: string }> {
    await this.until(() => this.ended !== undefined, "the end of the stream");
    return this.ended ?? { code: -1, details: "" };
  }

  /** Responses that came and were not read. */
  get unread(): readonly DiscoveryResponse[] {
    return this.responses;
  }

  /** Goes without a word. */
  vanish(): void {
    this.stream.cancel();
    this.client.close();
  }

  private wake(): void {
    const { waiting } = this;
    this.waiting = [];
    for (const resume of waiting) resume();
  }

  private async until(done: () => boolean, what: string): Promise<void> {
    const deadline = Date.now() + DEADLINE_MS;
    while (!done()) {
      const remaining = deadline - Date.now();
      if (remaining <= 0) throw new Error(`no ${what} within ${DEADLINE_MS} ms`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, remaining);
        this.waiting.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }
}
