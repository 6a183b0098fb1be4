// One decoded frame: what the engine needs to know of it, and where the codec found the rest.
// Allocates: never; one instance per direction is reused for every frame.

export enum MessageType {
  Request = 0,
  Response = 1,
  /** A request that is never answered, not even with an error. */
  Oneway = 2,
  /** A liveness probe that wants an answer: `Codec.encodeHeartbeatReply`. */
  Heartbeat = 3,
  /** The answer to a liveness probe, or an event that asks for nothing: swallowed. */
  Event = 4,
  /** The peer will close this connection: no new request on it, outstanding ones go on. */
  GoAway = 5,
  /** A further frame of a stream that a request has opened, in either direction. */
  StreamFrame = 6,
  /**
   * What a peer sends of its own accord: passed on where the downstream connection has an upstream
   * connection of its own, dropped elsewhere.
   */
  Push = 7,
}

/** What a frame ends of the stream that it belongs to. */
export enum StreamEnd {
  None = 0,
  /** Its sender will send no more. */
  Half = 1,
  /** Both sides: the stream is over. */
  Whole = 2,
}

/** What a request is to a transaction: requests of one connection that take effect together or not at all. */
export enum TransactionStep {
  None = 0,
  Begin = 1,
  Commit = 2,
  Rollback = 3,
}

export enum ResponseStatus {
  Ok = 0,
  /** The server's application answered with an exception that the interface knows of. */
  BusinessError = 1,
  /** The server's framework answered with an error. */
  Error = 2,
}

/** Who sent the bytes that are decoded. */
export enum Origin {
  Downstream = 0,
  Upstream = 1,
}

/** Bytes within a frame or in a codec's static memory; valid as long as the frame is. */
@unmanaged
export class Slice {
  ptr: usize;
  len: u32;
}

/**
 * Reused; `reset` is called by the engine before each decode. All offsets count from `frame`.
 * Fields up to `idKnown` are the engine's business; `a` to `h` belong to the codec.
 */
export class Message {
  type: MessageType = MessageType.Request;
  origin: Origin = Origin.Downstream;
  status: ResponseStatus = ResponseStatus.Ok;
  /** Address of the frame's first byte. */
  frame: usize = 0;
  /** Bytes of the whole frame, valid with `DecodeStatus.Done`. */
  frameLength: u32 = 0;
  /**
   * With `WaitForData`: the least number of bytes from the frame's start with which decoding can
   * get any further, always more than it was shown. The frame's whole length as soon as that is known.
   */
  need: u32 = 0;
  /** True when `need` is the whole frame's length: the engine checks it against the frame limit. */
  lengthKnown: bool = false;
  /** The request id as on the wire. */
  id: u64 = 0;
  /** With `DecodeStatus.Error`: an error reply to `id` is possible and useful. */
  idKnown: bool = false;
  /**
   * What an upstream connection must have in common with this message's connection (Thrift: the
   * transport and the protocol), 0 to 15. Connections are not shared between dialects.
   */
  dialect: u32 = 0;
  /** The request opens a stream: more frames with its id follow, from both sides. */
  opensStream: bool = false;
  /** With StreamFrame, and with the response to a request that opens a stream. */
  streamEnd: StreamEnd = StreamEnd.None;
  /**
   * The request changes what its connection is (a transaction, a subscription, a session): from here on the
   * downstream connection has an upstream connection of its own. Not where requests have ids.
   */
  needsOwnConnection: bool = false;
  /** The server may take as long as it likes to answer: only a timeout that a route sets applies. */
  isUntimed: bool = false;
  /**
   * With Begin also `needsOwnConnection`. Of a transaction that the proxy has refused a part of the commit is
   * refused, too, and the connection closed, which makes the server forget the rest.
   */
  transaction: TransactionStep = TransactionStep.None;
  a: u32 = 0;
  b: u32 = 0;
  c: u32 = 0;
  d: u32 = 0;
  e: u32 = 0;
  f: u32 = 0;
  g: u32 = 0;
  h: u32 = 0;

  reset(origin: Origin, frame: usize): void {
    this.type = MessageType.Request;
    this.origin = origin;
    this.status = ResponseStatus.Ok;
    this.frame = frame;
    this.frameLength = 0;
    this.need = 0;
    this.lengthKnown = false;
    this.id = 0;
    this.idKnown = false;
    this.dialect = 0;
    this.opensStream = false;
    this.streamEnd = StreamEnd.None;
    this.needsOwnConnection = false;
    this.isUntimed = false;
    this.transaction = TransactionStep.None;
    this.a = 0;
    this.b = 0;
    this.c = 0;
    this.d = 0;
    this.e = 0;
    this.f = 0;
    this.g = 0;
    this.h = 0;
  }
}
