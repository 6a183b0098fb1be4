// Where what the controller writes ends up in the configuration that a real istiod gives proxies: Services of
// Kubernetes with several addresses, with none, and with ports that have names.
import { afterAll, beforeAll, expect, test } from "vitest";
import type { FilterChain } from "../../controlplane/gen/envoy/config/listener/v3/listener_components_pb.js";
import type { Listener } from "../../controlplane/gen/envoy/config/listener/v3/listener_pb.js";
import { waitUntil } from "../envoy/support/deadline.js";
import { describeWith } from "../envoy/support/describe-with.js";
import { ApiServer } from "./support/api-server.js";
import { Controller } from "./support/controller.js";
import { Istiod } from "./support/istiod.js";
import { listenersOf } from "./support/istiod-client.js";
import { prepareCluster } from "./support/prepared-cluster.js";
import { apply } from "./support/resources.js";
import { missingRig } from "./support/rig-binaries.js";

const ECHO = "envoy.filters.network.echo";
const CLIENT = { address: "10.9.9.8", namespace: "shop", labels: { app: "client" } };
const POD_PORTS = [{ name: "rpc", containerPort: 30880, protocol: "TCP" }];
/** A workload of the Service `named`. */
const NAMED = {
  address: "10.9.1.1",
  namespace: "shop",
  labels: { app: "named" },
  metadata: { POD_PORTS: JSON.stringify(POD_PORTS) },
};

interface Owner {
  readonly namespace: string;
  readonly exportTo: string;
}

function service(
  name: string,
  clusterIps: readonly string[],
  targetPort: string,
  { namespace, exportTo }: Owner = { namespace: "shop", exportTo: "*" },
): string {
  const [first = "None"] = clusterIps;
  const family = clusterIps.length > 1 ? "ipFamilyPolicy: RequireDualStack," : "";
  return `---
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: ${namespace}, annotations: { networking.istio.io/exportTo: "${exportTo}" } }
spec: { ${family} clusterIP: ${first}, selector: { app: ${name} }, ports: [{ port: 20880, name: tcp-metaprotocol-dubbo, targetPort: ${targetPort} }] }
`;
}

function slice(service: string, port: number, ...addresses: readonly string[]): string {
  return `---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: ${service}-1, namespace: shop, labels: { kubernetes.io/service-name: ${service} } }
addressType: IPv4
endpoints: [${addresses.map((address) => `{ addresses: [${address}], conditions: { ready: true } }`).join(", ")}]
ports: [{ name: tcp-metaprotocol-dubbo, port: ${String(port)}, protocol: TCP }]
`;
}

const resources =
  service("named", ["10.0.0.77"], "rpc") +
  slice("named", 30880, "10.9.1.1") +
  service("stateful", [], "20880") +
  slice("stateful", 20880, "10.9.2.1", "10.9.2.2") +
  service("scaled", [], "20880");

function namesOf({ filters }: FilterChain): readonly string[] {
  return filters.map(({ name }) => name);
}

function chainsOf(listener: Listener | undefined): readonly FilterChain[] {
  const chains = [...(listener?.filterChains ?? []), listener?.defaultFilterChain];
  return chains.flatMap((chain) => (chain ? [chain] : []));
}

const isManaged = (chain: FilterChain): boolean => namesOf(chain).includes(ECHO);

describeWith("a Service in a mesh", [missingRig("etcd", "kube-apiserver", "istiod")], () => {
  const stops: (() => Promise<unknown>)[] = [];
  let server: ApiServer;
  let istiod: Istiod;

  beforeAll(async () => {
    server = await ApiServer.start();
    stops.push(() => server.stop());
    await prepareCluster(server, "shop", "other", "vault");
    istiod = await Istiod.start(server);
    stops.push(() => istiod.stop());
    await apply(server, resources);
    const controller = await Controller.start(server, "--plaintext");
    stops.push(() => controller.stop());
  });

  afterAll(async () => {
    for (const stop of stops.reverse()) await stop();
  });

  /** Names of the listeners of a proxy that end in echo in every filter chain. */
  async function managed(proxy = CLIENT): Promise<readonly string[]> {
    const listeners = await listenersOf(istiod.port, proxy);
    return [...listeners.values()]
      .filter(
        (listener) => listener.name !== "virtualInbound" && chainsOf(listener).every(isManaged),
      )
      .map(({ name }) => name)
      .sort();
  }

  test("without an address of its own is managed at each of its instances, as they come and go", async () => {
    await expect
      .poll(managed, { timeout: 30_000 })
      .toEqual(["10.0.0.77_20880", "10.9.2.1_20880", "10.9.2.2_20880"]);
    await apply(server, slice("stateful", 20880, "10.9.2.2", "10.9.2.3"));
    await expect
      .poll(managed, { timeout: 30_000 })
      .toEqual(["10.0.0.77_20880", "10.9.2.2_20880", "10.9.2.3_20880"]);
    const listeners = await listenersOf(istiod.port, CLIENT);
    expect([...listeners.keys()].filter((name) => name.startsWith("0.0.0.0_20880"))).toEqual([]);
  });

  test("is managed, and known at all, only in the namespaces that it is exported to", async () => {
    const exported: Readonly<Record<string, string>> = { own: ".", shared: "other", nobody: "~" };
    const addresses = new Map<string, string>();
    for (const [index, [name, exportTo]] of Object.entries(exported).entries()) {
      const address = `10.0.0.${String(80 + index)}`;
      addresses.set(name, `${address}_20880`);
      await apply(server, service(name, [address], "20880", { namespace: "vault", exportTo }));
    }
    const listenersIn = async (
      namespace: string,
    ): Promise<{ readonly known: readonly string[]; readonly managed: readonly string[] }> => {
      const proxy = { ...CLIENT, namespace };
      const [known, ours] = [
        [...(await listenersOf(istiod.port, proxy)).keys()],
        await managed(proxy),
      ];
      const of = (names: readonly string[]): readonly string[] =>
        [...addresses].flatMap(([name, listener]) => (names.includes(listener) ? [name] : []));
      return { known: of(known), managed: of(ours) };
    };
    await expect
      .poll(async () => [await listenersIn("vault"), await listenersIn("other")])
      .toEqual([
        { known: ["own"], managed: ["own"] },
        { known: ["shared"], managed: ["shared"] },
      ]);
    expect(await listenersIn("shop")).toEqual({ known: [], managed: [] });
    const path = "/apis/networking.istio.io/v1alpha3/envoyfilters";
    const { items } = (await server.call("GET", path)).body as {
      readonly items: readonly { readonly metadata: { name: string; namespace: string } }[];
    };
    const outbound = items.flatMap(({ metadata: { name, namespace } }) => {
      const service = /^metaproto-outbound-(.*)-vault-/.exec(name)?.[1];
      return service === undefined ? [] : [`${namespace}/${service}`];
    });
    expect(outbound.sort()).toEqual(["other/shared", "vault/own"]);
  });

  test("whose target port has a name is managed at the port that its workloads have", async () => {
    const inbound = await waitUntil("the inbound listener is managed", async () => {
      const listener = (await listenersOf(istiod.port, NAMED)).get("virtualInbound");
      return chainsOf(listener).some(isManaged) ? listener : undefined;
    });
    const ports = chainsOf(inbound).map((chain) => ({
      port: chain.filterChainMatch?.destinationPort,
      isManaged: isManaged(chain),
    }));
    expect(ports.filter(({ port }) => port === 30880).length).toBeGreaterThan(1);
    for (const item of ports) expect(item.isManaged).toBe(item.port === 30880);
  });

  test.each(["STRICT", "PERMISSIVE", "DISABLE"])(
    "is managed in all filter chains of its workloads' port with mutual TLS %s",
    async (mode) => {
      await apply(
        server,
        `apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: default, namespace: shop }
spec: { mtls: { mode: ${mode} } }
`,
      );
      const secured = (chain: FilterChain): boolean => chain.transportSocket !== undefined;
      await expect
        .poll(
          async () => {
            const chains = chainsOf((await listenersOf(istiod.port, NAMED)).get("virtualInbound"));
            const own = chains.filter(
              ({ filterChainMatch }) => filterChainMatch?.destinationPort === 30880,
            );
            return [own.every(isManaged), own.some(secured), own.some((item) => !secured(item))];
          },
          { timeout: 30_000 },
        )
        .toEqual([true, mode !== "DISABLE", mode !== "STRICT"]);
    },
  );

  test("is managed only where a Sidecar lets clients have it", async () => {
    await apply(
      server,
      `apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: { name: default, namespace: shop }
spec: { egress: [{ hosts: ["./named.shop.svc.cluster.local"] }] }
`,
    );
    await expect.poll(managed, { timeout: 30_000 }).toEqual(["10.0.0.77_20880"]);
  });
});
