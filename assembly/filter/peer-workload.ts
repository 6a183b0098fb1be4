// What is known of the workload at the other end of a request.
//
//   +-----------+----------+----------------------------+----------------------------------------+
//   | nameBytes | appBytes | workload namespace cluster | app version service revision of it     |
//   +-----------+----------+----------------------------+----------------------------------------+
//   each text: a byte of length, and so many bytes; empty: unknown
//
// Allocates: never.
import { Slice } from "../codec/message";

export enum WorkloadField {
  Workload = 0,
  Namespace = 1,
  Cluster = 2,
  App = 3,
  Version = 4,
  CanonicalService = 5,
  CanonicalRevision = 6,
}

export const WORKLOAD_FIELDS: u32 = 7;
/** Of the part that begins the record. */
export const NAME_FIELDS: u32 = 3;
/** Of a text; what is beyond is left out. That of names and labels of Kubernetes. */
export const MAX_WORKLOAD_TEXT: u32 = 63;

@unmanaged
export class PeerWorkload {
  nameBytes: u32;
  appBytes: u32;

  /** Workload, namespace and cluster. */
  names(out: Slice): void {
    out.ptr = changetype<usize>(this) + offsetof<PeerWorkload>();
    out.len = this.nameBytes;
  }

  /** App, version, canonical service and its revision. */
  app(out: Slice): void {
    out.ptr = changetype<usize>(this) + offsetof<PeerWorkload>() + this.nameBytes;
    out.len = this.appBytes;
  }
}

/** The n-th text of a part. False, and `out` as it was: it is empty. */
export function workloadText(part: Slice, index: u32, out: Slice): bool {
  let at = part.ptr;
  const end = at + part.len;
  for (; at < end; index--) {
    const len = <u32>load<u8>(at);
    if (index == 0) {
      if (len == 0) return false;
      out.ptr = at + 1;
      out.len = len;
      return true;
    }
    at += 1 + len;
  }
  return false;
}
