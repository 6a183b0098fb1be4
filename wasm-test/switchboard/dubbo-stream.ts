// Cuts a stream of bytes into Dubbo frames.
import {
  dubboFrameLength,
  parseDubboFrame,
  type DubboHeader,
} from "../envoy/support/dubbo-wire.js";

export class DubboReader {
  #pieces: Buffer[] = [];
  #length = 0;
  /** Bytes with which a frame may be complete. */
  #wanted = 1;

  /** The frames that these bytes complete. @throws Error on bytes that are not Dubbo's. */
  push(bytes: Uint8Array): DubboHeader[] {
    this.#pieces.push(Buffer.from(bytes));
    this.#length += bytes.length;
    const frames: DubboHeader[] = [];
    if (this.#length < this.#wanted) return frames;
    let rest = Buffer.concat(this.#pieces);
    for (;;) {
      const length = dubboFrameLength(rest);
      if (length === undefined || rest.length < length) {
        this.#keep(rest, length ?? rest.length + 1);
        return frames;
      }
      frames.push(parseDubboFrame(rest.subarray(0, length)));
      rest = rest.subarray(length);
    }
  }

  get pendingBytes(): number {
    return this.#length;
  }

  #keep(rest: Buffer, wanted: number): void {
    this.#pieces = [rest];
    this.#length = rest.length;
    this.#wanted = wanted;
  }
}
