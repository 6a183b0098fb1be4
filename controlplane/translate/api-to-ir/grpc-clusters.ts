// Clusters that modules ask by gRPC: rate limit services and collectors.
import type { Resource } from "../../api/kinds.js";
import { parseClusterName } from "./cluster-name.js";
import type { DestinationRules } from "./destination-rules.js";
import type { Report } from "./report.js";
import type { Service, Services } from "./services.js";

export class GrpcClusters {
  private readonly names = new Set<string>();

  constructor(
    private readonly context: {
      readonly services: Services;
      readonly rules: DestinationRules;
      readonly report: Report;
      readonly onReference: (service: Service) => void;
    },
  ) {}

  has(name: string): boolean {
    return this.names.has(name);
  }

  /**
   * Any cluster may be named: one that is not of our making is the bootstrap's, and only the proxy knows it.
   * @param path of the field that has the name.
   */
  use(name: string, resource: Resource, path: string): void {
    const parsed = parseClusterName(name);
    if (parsed === undefined) return;
    const { services, rules, report, onReference } = this.context;
    const { host, port, subset } = parsed;
    const warn = (reason: string): void => {
      report.warning(
        resource,
        path,
        `${reason}: unless the proxy has such a cluster, nobody answers`,
      );
    };
    const service = services.named(host, port);
    if (service === undefined) {
      warn(`no ServiceEntry has the host \`${host}\` with the port ${port}`);
      return;
    }
    const { resolution } = service.entry.spec;
    const protocol = service.port.applicationProtocol;
    if (protocol !== undefined)
      warn(`port ${port} of \`${host}\` speaks ${protocol}, which is not gRPC`);
    else if (resolution === "NONE" || resolution === "DYNAMIC_DNS")
      warn(`the endpoints of \`${host}\` are not known, since its resolution is ${resolution}`);
    else if (subset !== "" && !rules.of(service).subsets.some((item) => item.name === subset))
      warn(`no DestinationRule of \`${host}\` has the subset \`${subset}\``);
    else {
      this.names.add(name);
      onReference(service);
    }
  }
}
