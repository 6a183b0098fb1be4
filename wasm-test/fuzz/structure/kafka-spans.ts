// Fields of Kafka's frames: the header, texts and arrays whose length can be believed, and bytes.
import { collectSpans, LengthKind, type Span, type SpanReader } from "./span.js";

const MAX_TEXT = 60;

/** A text of one width or the other; where none is, a byte. */
function field(reader: SpanReader): void {
  const at = reader.at;
  const first = reader.u8();
  if (first > 1 && first < MAX_TEXT && at + first <= reader.end) {
    reader.skip(first - 1);
    return;
  }
  if (first !== 0 || reader.at >= reader.end) return;
  const length = reader.peek();
  if (length === 0 || length > MAX_TEXT || at + 2 + length > reader.end) return;
  reader.u8();
  reader.sized(at, LengthKind.U16Be, length);
}

export function kafkaSpans(bytes: Uint8Array): readonly Span[] {
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
