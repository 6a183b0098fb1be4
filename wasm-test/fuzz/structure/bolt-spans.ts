// Fields of Bolt frames: the class, the header block with its texts, the content.
import { collectSpans, LengthKind, type Span, type SpanReader } from "./span.js";

/** Bytes of a head of version 1, of a request and of a response. */
const REQUEST_HEAD = 22;
const RESPONSE_HEAD = 20;

export function boltSpans(bytes: Uint8Array): readonly Span[] {
  return collectSpans(bytes, (reader) => {
    readFrame(reader, bytes);
  });
}

function readFrame(reader: SpanReader, bytes: Uint8Array): void {
  const isSecond = bytes[0] === 2;
  const type = bytes[isSecond ? 2 : 1];
  const head = (type === 0 ? RESPONSE_HEAD : REQUEST_HEAD) + (isSecond ? 2 : 0);
  reader.skip(head - 8);
  const [className, header, content] = [reader.u16(), reader.u16(), reader.i32()];
  reader.sized(head - 8, LengthKind.U16Be, className);
  const block = reader.at;
  reader.sized(head - 6, LengthKind.U16Be, header);
  const contentAt = reader.at;
  reader.at = block;
  while (reader.at < contentAt) {
    reader.span(() => {
      text(reader);
      text(reader);
    });
  }
  reader.sized(head - 4, LengthKind.U32Be, content);
}

function text(reader: SpanReader): void {
  const at = reader.at;
  reader.sized(at, LengthKind.U32Be, Math.max(reader.i32(), 0));
}
