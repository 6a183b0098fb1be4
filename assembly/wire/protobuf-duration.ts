// google.protobuf.Duration in protobuf encoding, as far as configurations of filters use it.
// Source: google/protobuf/duration.proto.
// Allocates: never.

import { ProtobufReader, WireType } from "./protobuf";

const SECONDS: u32 = 1;
const NANOS: u32 = 2;
const NANOS_PER_SECOND: i64 = 1000000000;
/** 24 days: what the control plane allows, and a signed number of milliseconds can hold. */
const LONGEST_NS: i64 = 2147483647 * 1000000;

/** Negative, longer than 2147483.647s, or none at all. */
export const DURATION_REFUSED: i64 = -1;

/** Nanoseconds of the duration that the field at hand (of type Bytes) holds, or DURATION_REFUSED. */
export function readDurationNs(reader: ProtobufReader): i64 {
  let seconds: i64 = 0;
  let nanos: i64 = 0;
  const end = reader.enter();
  while (reader.next()) {
    if (reader.wireType != WireType.Varint) continue;
    if (reader.field == SECONDS) seconds = <i64>reader.value;
    else if (reader.field == NANOS) nanos = <i64>(<i32>reader.value);
  }
  reader.leave(end);
  if (seconds < 0 || nanos < 0 || nanos >= NANOS_PER_SECOND) return DURATION_REFUSED;
  if (seconds > LONGEST_NS / NANOS_PER_SECOND) return DURATION_REFUSED;
  const ns = seconds * NANOS_PER_SECOND + nanos;
  return ns > LONGEST_NS ? DURATION_REFUSED : ns;
}
