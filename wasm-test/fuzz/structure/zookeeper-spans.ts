// Fields of ZooKeeper's frames: the header, what has a length, and the rest in words.
import { collectSpans, LengthKind, type Span, type SpanReader } from "./span.js";

const MAX_TEXT = 200;

function field(reader: SpanReader): void {
  const at = reader.at;
  const value = reader.i32();
  if (value > 0 && value < MAX_TEXT && reader.at + value <= reader.end) {
    reader.sized(at, LengthKind.U32Be, value);
  }
}

export function zookeeperSpans(bytes: Uint8Array): readonly Span[] {
  return collectSpans(bytes, (reader) => {
    reader.i32();
    reader.span(() => {
      reader.i32();
      reader.i32();
      for (;;)
        reader.span(() => {
          field(reader);
        });
    });
  });
}
