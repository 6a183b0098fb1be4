// What a protocol's messages mean, whatever codec speaks it.
import type { ErrorKind, MessageType, ResponseStatus } from "../harness/contract.js";
import { readHexFixtures } from "../harness/hex-fixture.js";

export interface ExpectedMessage {
  readonly type: MessageType;
  /** Undefined: it has none, or nobody asks. */
  readonly id?: bigint;
  /** Of responses; default: well. */
  readonly status?: ResponseStatus;
  /** Undefined: it has no such attribute. */
  readonly attributes?: Readonly<Record<string, string | undefined>>;
  /** Default: the client does not say. */
  readonly timeoutMs?: number;
}

export interface ExpectedError {
  readonly kind: ErrorKind;
  readonly status: ResponseStatus;
  /** Of the reply, read as the client reads it. */
  readonly attributes: Readonly<Record<string, string>>;
}

export interface ProtocolCase {
  readonly protocol: string;
  readonly idBits: number;
  /** By name: those that begin with `req` are from clients, others from servers. */
  readonly frames: ReadonlyMap<string, Uint8Array>;
  readonly expected: Readonly<Record<string, ExpectedMessage>>;
  /** Errors in reply to the first request that is not oneway. */
  readonly errors: readonly ExpectedError[];
  /** Whether the text of an error can be read in the reply to it, and what is around it there. */
  readonly carriesText: (kind: ErrorKind) => boolean;
  /** Requests and responses have a place for what mutations set. */
  readonly isMutable: boolean;
  /** Has a reply to a heartbeat, and heartbeats of its own. */
  readonly hasHeartbeat: boolean;
  /** Bytes at a frame's start that no frame of the protocol has. */
  readonly garbage: readonly Uint8Array[];
}

/** The captures of a protocol by name, as far as they are whole. */
export function capturesOf(protocol: string): ReadonlyMap<string, Uint8Array> {
  const folder = new URL(`../${protocol}/captures/`, import.meta.url);
  const whole = [...readHexFixtures(folder)].filter(([, { truncated }]) => !truncated);
  return new Map(whole.map(([name, { bytes }]) => [name, bytes]));
}
