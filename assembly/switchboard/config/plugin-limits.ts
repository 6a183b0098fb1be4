// The bounds of a module per worker thread: metaproto.v1.Limits.
// Source: proto/metaproto/v1/plugin.proto
// Allocates: for faults; cold path only.

import { Faults } from "./faults";
import { JsonFields } from "./json-fields";

const FIELDS: StaticArray<string> = [
  "maxFrameBytes",
  "maxRequestsPerDownstreamConnection",
  "maxRequestsPerUpstreamConnection",
  "maxRequests",
  "maxPendingRequests",
  "maxConnections",
  "maxBufferedBytes",
  "maxRequestsAwaitingRoutes",
];
/** A frame lies in one block of memory, of which the host allows 1 GiB in all. */
const MOST_FRAME_BYTES: i64 = 512 << 20;

/** `Limits.maxRequestsPerUpstreamConnection` before the connection mode is known. */
export const DEFAULT_LIMIT: u32 = 0;

/** With the defaults applied, once the whole configuration is decoded. */
export class Limits {
  maxFrameBytes: u32 = 16 << 20;
  maxRequestsPerDownstreamConnection: u32 = 1024;
  /** 1024; 1 with ConnectionMode.Exclusive. */
  maxRequestsPerUpstreamConnection: u32 = DEFAULT_LIMIT;
  maxRequests: u32 = 16384;
  maxPendingRequests: u32 = 4096;
  maxConnections: u32 = 1024;
  maxBufferedBytes: u32 = 256 << 20;
  maxRequestsAwaitingRoutes: u32 = 4096;
}

/** The value that comes next in `fields` are the limits; 0 leaves a default. */
export function decodeLimits(fields: JsonFields, faults: Faults, limits: Limits): void {
  if (!fields.begin()) return;
  while (fields.next(FIELDS)) {
    const value = fields.number();
    if (value <= 0) continue;
    const limit = <u32>value;
    switch (fields.field) {
      case 0: {
        if (value > MOST_FRAME_BYTES) faults.add("at most " + MOST_FRAME_BYTES.toString());
        limits.maxFrameBytes = limit;
        break;
      }
      case 1: {
        limits.maxRequestsPerDownstreamConnection = limit;
        break;
      }
      case 2: {
        limits.maxRequestsPerUpstreamConnection = limit;
        break;
      }
      case 3: {
        limits.maxRequests = limit;
        break;
      }
      case 4: {
        limits.maxPendingRequests = limit;
        break;
      }
      case 5: {
        limits.maxConnections = limit;
        break;
      }
      case 6: {
        limits.maxBufferedBytes = limit;
        break;
      }
      default:
        limits.maxRequestsAwaitingRoutes = limit;
    }
  }
}
