// One direction of a connection: collects chunks, cuts them into messages and holds the codec to
// what it said about a frame's length.
import { type CodecHarness, ContractViolation } from "./codec-harness.js";
import { type DecodedMessage, DecodeStatus, type Origin } from "./contract.js";

/** A complete message with its bytes, or the one that ended the connection. */
export interface ReceivedMessage extends DecodedMessage {
  readonly frame: Uint8Array;
}

export class CodecConnection {
  private readonly state: number;
  private buffer = new Uint8Array(0);
  private announced = 0;
  private failed = false;

  constructor(
    private readonly codec: CodecHarness,
    private readonly origin: Origin,
  ) {
    this.state = codec.openState();
  }

  /** Starts over, as a new connection. */
  reopen(): void {
    this.codec.clearState(this.state);
    this.buffer = new Uint8Array(0);
    this.announced = 0;
    this.failed = false;
  }

  /** Bytes that wait for more. */
  get pending(): number {
    return this.buffer.length;
  }

  /**
   * Adds a chunk and returns what is complete now. A message with DecodeStatus.Error ends the
   * connection: later chunks are ignored. The codec is asked after every chunk, also when it said
   * that it needs more: it must not mind.
   */
  feed(chunk: Uint8Array): ReceivedMessage[] {
    const received: ReceivedMessage[] = [];
    if (this.failed) return received;
    this.buffer = new Uint8Array(Buffer.concat([this.buffer, chunk]));
    while (this.buffer.length > 0) {
      const message = this.codec.decode(this.buffer, this.origin, this.state);
      this.check(message);
      if (message.decodeStatus === DecodeStatus.WaitForData) break;
      const end = message.decodeStatus === DecodeStatus.Done ? message.frameLength : 0;
      received.push({ ...message, frame: this.buffer.slice(0, end) });
      if (message.decodeStatus === DecodeStatus.Error) {
        this.failed = true;
        break;
      }
      this.buffer = this.buffer.slice(end);
      this.announced = 0;
    }
    return received;
  }

  /** Feeds `bytes` in chunks of `size` bytes. */
  feedInChunks(bytes: Uint8Array, size: number): ReceivedMessage[] {
    const received: ReceivedMessage[] = [];
    for (let at = 0; at < bytes.length; at += size) {
      received.push(...this.feed(bytes.subarray(at, at + size)));
    }
    return received;
  }

  private check(message: DecodedMessage): void {
    if (message.decodeStatus === DecodeStatus.Error) return;
    const isDone = message.decodeStatus === DecodeStatus.Done;
    const length = isDone ? message.frameLength : message.lengthKnown ? message.need : 0;
    if (this.announced !== 0 && length !== this.announced) {
      throw new ContractViolation("a frame's length does not change once it is known");
    }
    this.announced = length;
  }
}
