// AssemblyScript: the frames that were found in a stream of bytes, as a number.

import { Message } from "../../../assembly/codec/message";
import { mix, mixBytes } from "./target";

export class FrameDigest {
  count: u32 = 0;
  bytes: u32 = 0;
  digest: u32 = 0;
  /** The stream ends with bytes that are no frame, or one that is too large. */
  isRefused: bool = false;

  clear(): void {
    this.count = 0;
    this.bytes = 0;
    this.digest = 0;
    this.isRefused = false;
  }

  add(message: Message): void {
    this.count++;
    this.bytes += message.frameLength;
    let digest = mix(this.digest, <u32>message.type);
    digest = mix(mix(digest, <u32>message.id), message.dialect);
    digest = mix(digest, <u32>message.status);
    this.digest = mixBytes(digest, message.frame, message.frameLength);
  }

  equals(other: FrameDigest): bool {
    return (
      this.count == other.count &&
      this.digest == other.digest &&
      this.isRefused == other.isRefused &&
      this.bytes == other.bytes
    );
  }
}
