import { isExportedTo } from "../../api/export-to.js";
import { mayRoute, ROUTERS_FROM } from "../../api/service-entry.js";
import type { Router } from "../../api/virtual-service.js";
import { byPrecedence } from "./precedence.js";
import type { Report } from "./report.js";
import { isManaged, type Service, type Services } from "./services.js";

/**
 * Which MetaRouter is in charge of which service, or which VirtualService where there is no MetaRouter. One of the
 * service's own namespace comes before all others, so that nobody can take over a service that its owner routes; then
 * the oldest.
 */
export function claimServices(
  routers: readonly Router[],
  services: Services,
  report: Report,
): ReadonlyMap<Service, Router> {
  const claims = claimsOf(byPrecedence(routers), services, report);
  const rank = ({ router, service }: Claim): number =>
    (router.kind === "MetaRouter" ? 0 : 2) +
    (router.metadata.namespace === service.entry.metadata.namespace ? 0 : 1);
  const owners = new Map<Service, Router>();
  for (const claim of claims.toSorted((a, b) => rank(a) - rank(b))) {
    const owner = owners.get(claim.service);
    if (owner === undefined) owners.set(claim.service, claim.router);
    else if (owner !== claim.router)
      report.fault(
        claim.router,
        `spec.hosts[${claim.hostIndex}]`,
        `\`${claim.service.host}\` is already routed by the ${owner.kind} \`${owner.metadata.namespace}/${owner.metadata.name}\`; this one has no effect on it`,
      );
  }
  return owners;
}

interface Claim {
  readonly router: Router;
  readonly hostIndex: number;
  readonly service: Service;
}

function claimsOf(
  routers: readonly Router[],
  services: Services,
  report: Report,
): readonly Claim[] {
  const claims: Claim[] = [];
  for (const router of routers)
    for (const [hostIndex, host] of router.spec.hosts.entries()) {
      const { exportTo } = router.spec;
      const { namespace } = router.metadata;
      const managed = services
        .resolve(host, namespace)
        .filter(isManaged)
        .filter(({ port }) => router.kind === "MetaRouter" || port.isNative);
      const allowed = managed.filter(({ entry }) => mayRoute(entry, namespace));
      const claimed = allowed.filter(({ entry }) =>
        isExportedTo(exportTo, namespace, entry.metadata.namespace),
      );
      for (const service of claimed) claims.push({ router, hostIndex, service });
      if (router.kind === "VirtualService") {
        if (claimed.length > 0)
          for (const { path, message } of router.spec.notApplied)
            report.warning(router, path, message);
      } else if (managed.length === 0)
        report.warning(
          router,
          `spec.hosts[${hostIndex}]`,
          `has no effect: no ServiceEntry that is visible from \`${namespace}\` has the host \`${host}\` with a port \`tcp-metaprotocol-<protocol>\``,
        );
      else if (allowed.length === 0)
        report.fault(
          router,
          `spec.hosts[${hostIndex}]`,
          `the owner of \`${host}\` allows no MetaRouter of \`${namespace}\`, by the annotation \`${ROUTERS_FROM}\`; this one has no effect on it`,
        );
      else if (claimed.length === 0)
        report.warning(
          router,
          "spec.exportTo",
          `has no effect on \`${host}\`, whose namespace is not among them`,
        );
    }
  return claims;
}
