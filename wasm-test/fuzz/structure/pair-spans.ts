// Tags of frames of the protocols that descriptions are shown with: pairs of texts behind their lengths.
import { collectSpans, LengthKind, type Span, type SpanReader } from "./span.js";

const COURIER_TAGS_AT = 20;
const PARCEL_TAGS_AT = 16;

export function courierSpans(bytes: Uint8Array): readonly Span[] {
  return collectSpans(bytes, (reader) => {
    readTags(reader, COURIER_TAGS_AT, LengthKind.U16Be);
  });
}

export function parcelSpans(bytes: Uint8Array): readonly Span[] {
  return collectSpans(bytes, (reader) => {
    readTags(reader, PARCEL_TAGS_AT, LengthKind.U8);
  });
}

/** `lengthAt`: where the length of all tags is; `kind`: how that of a text is written. */
function readTags(reader: SpanReader, lengthAt: number, kind: LengthKind): void {
  reader.skip(lengthAt);
  const length = reader.u16();
  const start = reader.at;
  reader.sized(lengthAt, LengthKind.U16Be, length);
  const end = reader.at;
  reader.at = start;
  while (reader.at < end) {
    reader.span(() => {
      for (let i = 0; i < 2; i++) {
        const at = reader.at;
        reader.sized(at, kind, kind === LengthKind.U8 ? reader.u8() : reader.u16());
      }
    });
  }
}
