import { type Duration, durationFromMs } from "@bufbuild/protobuf/wkt";

/** A field of a message that is left out where there is no duration. */
export function durationField<Name extends string>(
  name: Name,
  ms: number | undefined,
): Partial<Record<Name, Duration>> {
  return ms === undefined ? {} : ({ [name]: durationFromMs(ms) } as Record<Name, Duration>);
}
