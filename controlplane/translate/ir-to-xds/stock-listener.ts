// What listeners of Envoy's own filters have in common.
import { create } from "@bufbuild/protobuf";
import { TrafficDirection } from "../../gen/envoy/config/core/v3/base_pb.js";
import {
  type Listener as XdsListener,
  ListenerSchema,
} from "../../gen/envoy/config/listener/v3/listener_pb.js";
import type { Filter } from "../../gen/envoy/config/listener/v3/listener_components_pb.js";
import type { StockListener } from "../../ir/mesh.js";
import { listenerSocketOptions, type PeerTimeouts, unreadTimeout } from "./peer-timeouts.js";
import { downstreamTransportSocket } from "./tls.js";

export interface StockFilters {
  /** IP address to bind. */
  readonly address: string;
  readonly timeouts: PeerTimeouts;
  readonly filters: Filter[];
}

/** Without dots, since Envoy takes what is before the first one for the label that tells listeners apart. */
export function statPrefixOf({ name }: StockListener): string {
  return name.replaceAll(".", "_");
}

export function stockListener(
  from: StockListener,
  { address, timeouts, filters }: StockFilters,
): XdsListener {
  return create(ListenerSchema, {
    name: from.name,
    ...unreadTimeout(timeouts),
    socketOptions: listenerSocketOptions(timeouts),
    address: {
      address: {
        case: "socketAddress",
        value: { address, portSpecifier: { case: "portValue", value: from.port } },
      },
    },
    trafficDirection: TrafficDirection.OUTBOUND,
    filterChains: [
      {
        filters,
        ...(from.downstreamTls === undefined
          ? {}
          : { transportSocket: downstreamTransportSocket(from.downstreamTls) }),
      },
    ],
  });
}
