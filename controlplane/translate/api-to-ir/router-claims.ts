import { isExportedTo } from "../../api/export-to.js";
import type { MetaRouter } from "../../api/meta-router.js";
import { byPrecedence } from "./precedence.js";
import type { Report } from "./report.js";
import { isManaged, type Service, type Services } from "./services.js";

/**
 * Which MetaRouter is in charge of which service. One of the service's own namespace comes before all others, so that
 * nobody can take over a service that its owner routes; then the oldest.
 */
export function claimServices(
  routers: readonly MetaRouter[],
  services: Services,
  report: Report,
): ReadonlyMap<Service, MetaRouter> {
  const claims = claimsOf(byPrecedence(routers), services, report);
  const isOwn = ({ router, service }: Claim): boolean =>
    router.metadata.namespace === service.entry.metadata.namespace;
  const owners = new Map<Service, MetaRouter>();
  for (const claim of [...claims.filter(isOwn), ...claims.filter((item) => !isOwn(item))]) {
    const owner = owners.get(claim.service);
    if (owner === undefined) owners.set(claim.service, claim.router);
    else if (owner !== claim.router)
      report.fault(
        claim.router,
        `spec.hosts[${claim.hostIndex}]`,
        `\`${claim.service.host}\` is already routed by the MetaRouter \`${owner.metadata.namespace}/${owner.metadata.name}\`; this one has no effect on it`,
      );
  }
  return owners;
}

interface Claim {
  readonly router: MetaRouter;
  readonly hostIndex: number;
  readonly service: Service;
}

function claimsOf(
  routers: readonly MetaRouter[],
  services: Services,
  report: Report,
): readonly Claim[] {
  const claims: Claim[] = [];
  for (const router of routers)
    for (const [hostIndex, host] of router.spec.hosts.entries()) {
      const { exportTo } = router.spec;
      const { namespace } = router.metadata;
      const managed = services.resolve(host, namespace).filter(isManaged);
      const claimed = managed.filter(({ entry }) =>
        isExportedTo(exportTo, namespace, entry.metadata.namespace),
      );
      for (const service of claimed) claims.push({ router, hostIndex, service });
      if (managed.length === 0)
        report.warning(
          router,
          `spec.hosts[${hostIndex}]`,
          `has no effect: no ServiceEntry that is visible from \`${namespace}\` has the host \`${host}\` with a port \`tcp-metaprotocol-<protocol>\``,
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
