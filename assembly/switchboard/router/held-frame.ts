// The frame that a stream has kept, read once more.
// Allocates: at construction only.
import { Codec } from "../../codec/codec";
import { DecodeStatus } from "../../codec/decode-status";
import { Message, Origin } from "../../codec/message";
import { Stream } from "../stream/stream";

export class HeldFrame {
  readonly message: Message = new Message();
  private readonly state: usize;

  constructor(private readonly codec: Codec) {
    this.state = heap.alloc(codec.stateBytes + 8);
  }

  /** Lets `message` describe `stream.frame`; false: the codec does not know it again. */
  decode(stream: Stream): bool {
    const message = this.message;
    message.reset(Origin.Downstream, stream.frame);
    memory.fill(this.state, 0, this.codec.stateBytes);
    const length = stream.frameLength;
    return this.codec.decode(message, stream.frame, length, this.state) == DecodeStatus.Done;
  }
}
