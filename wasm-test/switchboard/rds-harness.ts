// The subscription to routes in a compiled unit, driven by bytes and a clock of the test.
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  DiscoveryRequestSchema,
  DiscoveryResponseSchema,
} from "../../controlplane/gen/envoy/service/discovery/v3/discovery_pb.js";
import { instantiateUnit } from "../modules/unit.js";
import { type TableExports, TableHarness } from "./table-harness.js";

export interface RdsExports extends TableExports {
  restart(isEnabled: boolean, initialFetchTimeoutMs: number): void;
  forgetShared(): void;
  share(namePtr: number, nameLen: number, ptr: number, len: number): void;
  setOpening(isPossible: boolean, isClosedAtOnce: boolean): void;
  setRandom(random: number): void;
  setNow(nowMs: bigint): void;
  subscribe(namePtr: number, nameLen: number): number;
  preset(ptr: number, len: number): number;
  receive(ptr: number, len: number): void;
  receiveLarge(ptr: number, len: number): void;
  advance(): void;
  busy(): number;
  closed(): void;
  tick(): void;
  tableOf(subscription: number): number;
  isMissing(subscription: number): number;
  eventCount(): number;
  eventKind(index: number): number;
  eventPtr(index: number): number;
  eventLen(index: number): number;
  clearEvents(): void;
}

export const TYPE_URL = "type.googleapis.com/metaproto.v1.RouteConfiguration";
export const EVENTS = ["open", "close", "send", "table", "missing", "rejected"] as const;
export const OPEN = EVENTS.indexOf("open");
export const START = 1_700_000_000_000;

export class RdsHarness extends TableHarness<RdsExports> {
  now = START;

  static async load(): Promise<RdsHarness> {
    return new RdsHarness(await instantiateUnit<RdsExports>("config-rds"));
  }

  restart(isEnabled = true, initialFetchTimeoutMs = 5000): void {
    this.now = START;
    this.exports.setNow(BigInt(START));
    this.exports.restart(isEnabled, initialFetchTimeoutMs);
  }

  subscribe(name: string): number {
    return this.withBytes(new TextEncoder().encode(name), (ptr, len) =>
      this.exports.subscribe(ptr, len),
    );
  }

  receive(bytes: Uint8Array): void {
    this.withBytes(bytes, (ptr, len) => this.exports.receive(ptr, len));
  }

  /** To be applied by `advance`. */
  receiveLarge(bytes: Uint8Array): void {
    this.withBytes(bytes, (ptr, len) => {
      this.exports.receiveLarge(ptr, len);
    });
  }

  /** What a worker of another version, or nobody, may have left. */
  share(name: string, bytes: Uint8Array): void {
    this.withBytes(new TextEncoder().encode(name), (namePtr, nameLen) => {
      this.withBytes(bytes, (ptr, len) => {
        this.exports.share(namePtr, nameLen, ptr, len);
      });
    });
  }

  preset(bytes: Uint8Array): number {
    return this.withBytes(bytes, (ptr, len) => this.exports.preset(ptr, len));
  }

  /** Time passes in ticks of 100 ms. */
  pass(ms: number): void {
    for (const end = this.now + ms; this.now < end;) {
      this.setNow(Math.min(this.now + 100, end));
      this.exports.tick();
    }
  }

  setNow(now: number): void {
    this.now = now;
    this.exports.setNow(BigInt(now));
  }

  /** What has happened since the last call: kinds, with names or texts. */
  events(): string[] {
    const events = this.takeEvents().map(({ kind, bytes }) => {
      const text = kind === "send" ? "" : new TextDecoder().decode(bytes);
      return text === "" ? kind : `${kind} ${text}`;
    });
    return events;
  }

  /** The requests sent since the last call, which nothing else came in between. */
  requests() {
    return this.takeEvents()
      .filter(({ kind }) => kind === "send")
      .map(({ bytes }) => fromBinary(DiscoveryRequestSchema, bytes));
  }

  /** The one request sent since the last call. */
  request() {
    const [request, another] = this.requests();
    if (request === undefined || another !== undefined) throw new Error("not one request");
    return request;
  }

  private takeEvents() {
    const events = Array.from({ length: this.exports.eventCount() }, (_, i) => ({
      kind: EVENTS[this.exports.eventKind(i)] ?? "?",
      bytes: this.bytesAt(this.exports.eventPtr(i), this.exports.eventLen(i)).slice(),
    }));
    this.exports.clearEvents();
    return events;
  }

  private withBytes<T>(bytes: Uint8Array, use: (ptr: number, len: number) => T): T {
    const ptr = this.put(bytes);
    const result = use(ptr, bytes.length);
    this.exports.free(ptr);
    return result;
  }
}

export interface ResponseInit {
  readonly version: string;
  readonly nonce: string;
  readonly resources: readonly Uint8Array[];
  readonly typeUrl?: string;
  readonly resourceTypeUrl?: string;
}

export function response(init: ResponseInit): Uint8Array {
  return toBinary(
    DiscoveryResponseSchema,
    create(DiscoveryResponseSchema, {
      versionInfo: init.version,
      nonce: init.nonce,
      typeUrl: init.typeUrl ?? TYPE_URL,
      resources: init.resources.map((value) => ({
        typeUrl: init.resourceTypeUrl ?? TYPE_URL,
        value,
      })),
    }),
  );
}
