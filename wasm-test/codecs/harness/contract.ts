// The codec contract's enums and records as TypeScript sees them; see assembly/codec.
import type { UnitExports } from "../../modules/unit.js";

export const DecodeStatus = { WaitForData: 0, Done: 1, Error: 2 } as const;
export type DecodeStatus = (typeof DecodeStatus)[keyof typeof DecodeStatus];

export const MessageType = {
  Request: 0,
  Response: 1,
  Oneway: 2,
  Heartbeat: 3,
  Event: 4,
  GoAway: 5,
  StreamFrame: 6,
  Push: 7,
} as const;
export type MessageType = (typeof MessageType)[keyof typeof MessageType];

export const StreamEnd = { None: 0, Half: 1, Whole: 2 } as const;
export type StreamEnd = (typeof StreamEnd)[keyof typeof StreamEnd];
export const TransactionStep = { None: 0, Begin: 1, Commit: 2, Rollback: 3 } as const;
export type TransactionStep = (typeof TransactionStep)[keyof typeof TransactionStep];

export const ResponseStatus = { Ok: 0, BusinessError: 1, Error: 2 } as const;
export type ResponseStatus = (typeof ResponseStatus)[keyof typeof ResponseStatus];

export const Origin = { Downstream: 0, Upstream: 1 } as const;
export type Origin = (typeof Origin)[keyof typeof Origin];

export const ErrorKind = {
  NoRoute: 0,
  UnknownCluster: 1,
  NoHealthyUpstream: 2,
  ConnectFailure: 3,
  UpstreamReset: 4,
  Overload: 5,
  Timeout: 6,
  MalformedRequest: 7,
  BadResponse: 8,
  RequestTimeout: 9,
  RateLimited: 10,
  PermissionDenied: 11,
  Internal: 12,
} as const;
export type ErrorKind = (typeof ErrorKind)[keyof typeof ErrorKind];

export const MutationOperation = { Set: 0, AddIfAbsent: 1, Remove: 2 } as const;
export type MutationOperation = (typeof MutationOperation)[keyof typeof MutationOperation];

/** One change of a mutation; `value` is left out of Remove. */
export interface MutationStep {
  readonly operation: MutationOperation;
  readonly key: string;
  readonly value?: string;
}

/** A `Message` after `decode`; lengths in bytes. */
export interface DecodedMessage {
  readonly decodeStatus: DecodeStatus;
  readonly type: MessageType;
  readonly status: ResponseStatus;
  readonly frameLength: number;
  readonly need: number;
  readonly lengthKnown: boolean;
  readonly id: bigint;
  readonly idKnown: boolean;
  readonly dialect: number;
  readonly opensStream: boolean;
  readonly streamEnd: StreamEnd;
  readonly needsOwnConnection: boolean;
  readonly isUntimed: boolean;
  readonly transaction: TransactionStep;
}

/** What `encode` wrote. */
export interface EncodedFrame {
  readonly bytes: Uint8Array;
  /** `Codec.mutationApplied`. */
  readonly applied: boolean;
}

/** The exports of wasm-test/units/codec-exports.ts. */
export interface CodecExports extends UnitExports {
  reserve(bytes: number): number;
  configure(ptr: number, len: number): number;
  faultPtr(): number;
  faultLen(): number;
  defaultMode(): number;
  orderedDownstream(): number;
  idBits(): number;
  stateBytes(): number;
  decode(origin: number, ptr: number, len: number, state: number): number;
  messageRecord(): number;
  selectMessage(index: number): void;
  moveFrame(ptr: number): void;
  attributeId(namePtr: number, nameLen: number): number;
  attribute(id: number, namePtr: number, nameLen: number): number;
  valuePtr(): number;
  valueLen(): number;
  patchId(id: bigint): number;
  encodedSizeBound(count: number, entries: number): number;
  encode(id: bigint, count: number, entries: number, out: number): number;
  keepsMiddle(count: number, entries: number): number;
  headLength(): number;
  keptLength(): number;
  encodeEnds(id: bigint, head: number, tail: number): number;
  mutationApplied(): number;
  captureContext(out: number): number;
  setContext(ptr: number, len: number): void;
  setErrorCode(code: number): void;
  setEndsStream(endsStream: number): void;
  timeoutMs(): number;
  encodeStreamReset(id: bigint, out: number): number;
  encodeError(
    kind: number,
    id: bigint,
    textPtr: number,
    textLen: number,
    out: number,
    capacity: number,
  ): number;
  encodeHeartbeatReply(out: number): number;
  encodeHeartbeat(id: bigint, out: number): number;
  setLookups(ids: number, count: number): void;
  repeatDecode(ptr: number, len: number, state: number, rounds: number): number;
}
