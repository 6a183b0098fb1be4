// How long a peer may leave unread what Envoy has for it. A module is not told that a peer does not read, and
// writes on: without a timeout a client that asks and never reads makes Envoy hold all answers.
import { create } from "@bufbuild/protobuf";
import { type Duration, durationFromMs } from "@bufbuild/protobuf/wkt";
import {
  type SocketOption,
  SocketOptionSchema,
  SocketOption_SocketState as SocketState,
} from "../../gen/envoy/config/core/v3/socket_option_pb.js";

export interface PeerTimeouts {
  /**
   * A connection whose write buffer stays above its high watermark (1 MiB) for so long is closed; also one that is
   * read from, but too slowly. Milliseconds, 0: never. Envoy 1.38 and later; earlier ones ignore it over xDS, and
   * refuse it in a file. Envoy's default: never.
   */
  readonly unreadMs: number;
  /**
   * A client's connection on which nothing could be sent or acknowledged for so long is closed by the kernel of the
   * proxy's machine: TCP_USER_TIMEOUT of RFC 5482. Milliseconds, 0: never. Linux only: elsewhere Envoy refuses the
   * listener. Any version of Envoy.
   */
  readonly tcpUserMs: number;
}

// Of Linux, netinet/in.h and netinet/tcp.h.
const IPPROTO_TCP = 6n;
const TCP_USER_TIMEOUT = 18n;

/** For listeners and clusters alike. */
export function unreadTimeout({ unreadMs }: PeerTimeouts): {
  perConnectionBufferHighWatermarkTimeout?: Duration;
} {
  return unreadMs === 0
    ? {}
    : { perConnectionBufferHighWatermarkTimeout: durationFromMs(unreadMs) };
}

/** Of a listening socket; the sockets that it accepts inherit it. */
export function listenerSocketOptions({ tcpUserMs }: PeerTimeouts): SocketOption[] {
  if (tcpUserMs === 0) return [];
  return [
    create(SocketOptionSchema, {
      description: "TCP_USER_TIMEOUT",
      level: IPPROTO_TCP,
      name: TCP_USER_TIMEOUT,
      value: { case: "intValue", value: BigInt(tcpUserMs) },
      state: SocketState.STATE_LISTENING,
    }),
  ];
}
