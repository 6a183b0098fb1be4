// Changes the trans_info of a frame that opens a stream: it is within the request_meta of the body.
//
//   | head | ... | 0a | length | request_meta: ... 2a | length | pair ... | ... |
//
// Allocates: never.

import { Message } from "../../codec/message";
import { Mutation } from "../../codec/mutation";
import { PairRewriter } from "../../codec/protobuf-pairs";
import { WireType } from "../../wire/protobuf";
import { INIT_REQUEST_META, META_TRANS_INFO } from "./constants";
import { requestMeta, SEVERAL_METAS } from "./message-fields";

/** Writes the frame to `out`, but its length and id; returns its length, 0: that cannot be done. */
export function writeInitMeta(
  message: Message,
  rewriter: PairRewriter,
  mutation: Mutation,
  out: usize,
): u32 {
  const frame = message.frame;
  const end = frame + message.frameLength;
  const lengthAt = requestMeta(message);
  if (lengthAt == SEVERAL_METAS) return 0;
  rewriter.replaceId(0, 0, 0);
  if (lengthAt == 0) return appendMeta(message, rewriter, mutation, out);
  const written = rewriter.writeWithin(
    frame,
    end,
    frame + lengthAt,
    META_TRANS_INFO,
    mutation,
    out,
  );
  return written == 0 ? 0 : <u32>(written - out);
}

/** There is none yet. */
function appendMeta(message: Message, rewriter: PairRewriter, mutation: Mutation, out: usize): u32 {
  memory.copy(out, message.frame, message.frameLength);
  const tag = out + message.frameLength;
  const at = tag + 1;
  const written = rewriter.writeSized(message.frame, 0, META_TRANS_INFO, mutation, at);
  if (written == at + 1) return message.frameLength;
  store<u8>(tag, <u8>((INIT_REQUEST_META << 3) | WireType.Bytes));
  return <u32>(written - out);
}
