// Elements of RESP, commands and replies alike: each is a span, and so is the line that it begins with.
import { collectSpans, type Span, type SpanReader, Unstructured } from "./span.js";

const LINE_FEED = 0x0a;
const MAX_ELEMENTS = 1000;

function line(reader: SpanReader): string {
  return reader.span(() => {
    let text = "";
    for (;;) {
      const byte = reader.u8();
      if (byte === LINE_FEED) return text;
      text += String.fromCharCode(byte);
    }
  });
}

function element(reader: SpanReader): void {
  reader.span(() => {
    const text = line(reader);
    const type = text.charAt(0);
    const number = parseInt(text.slice(1), 10);
    if ("$!=".includes(type) && number >= 0) {
      reader.span(() => {
        reader.skip(number);
      });
      reader.skip(2);
    } else if ("*~>%|".includes(type)) {
      const elements = "%|".includes(type) ? number * 2 : number;
      if (elements > MAX_ELEMENTS) throw new Unstructured();
      for (let i = 0; i < elements; i++) element(reader);
      if (type === "|") element(reader);
    }
  });
}

export function redisSpans(bytes: Uint8Array): readonly Span[] {
  return collectSpans(bytes, (reader) => {
    while (reader.at < reader.end) element(reader);
  });
}
