// Writes frames with another id and a mutation, in place where nothing changes its size.
// Allocates: chunks of output queues.
// Next: switchboard/connection/output-queue.ts
import { Codec } from "../../codec/codec";
import { Message } from "../../codec/message";
import { Mutation } from "../../codec/mutation";
import { OutputQueue } from "../connection/output-queue";
import { stats } from "../telemetry/stats";

/** Of larger frames what stays as it is is not copied; of smaller ones the further host calls cost more. */
const COPIED_BYTES: u32 = 16 * 1024;

export class FrameWriter {
  constructor(private readonly codec: Codec) {}

  /** Queues the frame, which stays as it is until the end of this VM call; false: beyond the memory budget. */
  queue(message: Message, id: u64, mutation: Mutation | null, output: OutputQueue): bool {
    if (mutation === null && (id == message.id || this.codec.patchId(message, id))) {
      return output.append(message.frame, message.frameLength);
    }
    const isLarge = mutation !== null && message.frameLength > COPIED_BYTES;
    if (isLarge && this.codec.keepsMiddle(message, mutation!)) {
      return this.queueEnds(message, id, mutation!, output);
    }
    const out = output.reserve(this.bound(message, mutation));
    if (out == 0) return false;
    output.commit(this.write(message, id, mutation, out));
    return true;
  }

  private queueEnds(message: Message, id: u64, mutation: Mutation, output: OutputQueue): bool {
    const codec = this.codec;
    const head = codec.headLength;
    const kept = codec.keptLength;
    const room = codec.encodedSizeBound(message, mutation) - kept;
    if (!output.appendAround(head, message.frame + head, kept - head, room)) return false;
    output.commit(codec.encodeEnds(message, id, output.headPtr, output.tailPtr));
    if (!codec.mutationApplied) stats.mutationSkipped++;
    return true;
  }

  /** Room that `write` may need, in bytes. */
  bound(message: Message, mutation: Mutation | null): u32 {
    return this.codec.encodedSizeBound(message, mutation);
  }

  /** Writes a copy at `out` and returns its length. */
  write(message: Message, id: u64, mutation: Mutation | null, out: usize): u32 {
    const length = this.codec.encode(message, id, mutation, out);
    if (mutation !== null && !this.codec.mutationApplied) stats.mutationSkipped++;
    return length;
  }
}
