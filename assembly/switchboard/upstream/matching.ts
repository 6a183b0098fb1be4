// How responses find their requests on an upstream connection.
// Allocates: never.
import { Codec, ConnectionMode } from "../../codec/codec";

/** By request id, which is one of ours on the upstream connection; otherwise in order. */
export function isMatchedById(codec: Codec, mode: ConnectionMode): bool {
  if (mode == ConnectionMode.Shared) return true;
  return mode == ConnectionMode.Dedicated && codec.idBits > 0;
}
