// Where services are served that filters of Envoy's own speak to.
import type { StockListener } from "../../ir/mesh.js";
import { awaitsEndpoints } from "./inbound-workloads.js";
import type { InboundPlacements } from "./inbound-placements.js";
import type { IstioFacts } from "./istio-facts.js";
import { addressOf, listenerName, tlsOf } from "./listeners.js";
import type { OutboundPlacements } from "./outbound-placements.js";
import type { Report } from "./report.js";
import type { Service } from "./services.js";

export interface StockPlaces {
  /** Of those who call the service; undefined: there is none, which is reported. */
  readonly outbound: (service: Service) => StockListener | undefined;
  /** Of its own workloads. */
  readonly inbound: (service: Service) => readonly StockListener[];
}

export function standalonePlaces(report: Report): StockPlaces {
  return {
    outbound: (service) => ({
      name: listenerName(service),
      host: service.host,
      port: service.port.number,
      address: addressOf(service, report),
      downstreamTls: tlsOf(service),
    }),
    inbound: () => [],
  };
}

export interface Placements {
  readonly outbound: OutboundPlacements;
  readonly inbound: InboundPlacements;
  readonly facts: IstioFacts;
}

export function istioPlaces({ outbound, inbound, facts }: Placements): StockPlaces {
  const listenerOf = ({ host, port }: Service) => ({
    host,
    port: port.number,
    address: undefined,
    downstreamTls: undefined,
  });
  return {
    outbound: (service) => {
      const placement = outbound.of(service);
      return placement && { ...listenerOf(service), name: listenerName(service), placement };
    },
    inbound: (service) =>
      awaitsEndpoints(service, facts)
        ? []
        : inbound.of(service).map(({ port, name, placement }) => ({
            ...listenerOf(service),
            name,
            port,
            placement,
          })),
  };
}
