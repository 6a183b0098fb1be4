// What a real istiod has made of our objects, as stored when `scripts/test --mesh` ran it: whether it is of the objects
// that the translation makes now, and whether our filters are where they are to be and nowhere else.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import {
  type ChainView,
  ECHO,
  goldenFile,
  inputHash,
  type ListenerView,
  TESTDATA,
} from "./istiod-golden.js";

interface Proxy {
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly type?: "router" | "waypoint";
  readonly listeners: Readonly<Record<string, ListenerView>>;
}

interface Patch {
  readonly applyTo: string;
  readonly match: {
    readonly context: string;
    readonly listener?: {
      readonly name?: string;
      readonly filterChain?: {
        readonly name?: string;
        readonly destinationPort?: number;
        readonly sni?: string;
      };
    };
  };
  readonly patch: { readonly operation: string; readonly value?: { readonly name?: string } };
}

interface EnvoyFilter {
  readonly kind?: string;
  readonly metadata?: { readonly namespace: string };
  readonly spec?: {
    readonly targetRefs?: readonly { readonly kind: string; readonly name: string }[];
    readonly workloadSelector?: { readonly labels: Readonly<Record<string, string>> };
    readonly configPatches?: readonly Patch[];
  };
}

const ROOT = "istio-system";
const TCP_PROXY = "envoy.filters.network.tcp_proxy";
const PASSTHROUGH = "PassthroughFilterChain";
const GATEWAY_NAME = "gateway.networking.k8s.io/gateway-name";
const cases = readdirSync(TESTDATA)
  .filter((file) => file.endsWith(".istiod.yaml"))
  .map((file) => file.slice(0, -".istiod.yaml".length));
const proxies = cases.flatMap((name) => {
  const golden = parse(readFileSync(goldenFile(name), "utf8")) as {
    readonly proxies: Readonly<Record<string, Proxy>>;
  };
  return Object.entries(golden.proxies).map(([key, proxy]) => [name, key, proxy] as const);
});

function patchesFor(name: string, { namespace, labels, type }: Proxy): readonly Patch[] {
  const documents = parseAllDocuments(readFileSync(join(TESTDATA, `${name}.out.yaml`), "utf8"));
  return documents
    .map((document) => document.toJS() as EnvoyFilter)
    .filter(({ metadata }) => [ROOT, namespace].includes(metadata?.namespace ?? ""))
    .filter(({ spec }) =>
      type === "waypoint"
        ? spec?.targetRefs?.some(
            ({ kind, name: target }) => kind === "Gateway" && target === labels[GATEWAY_NAME],
          )
        : spec?.targetRefs === undefined,
    )
    .filter(({ spec }) =>
      Object.entries(spec?.workloadSelector?.labels ?? {}).every(
        ([key, value]) => labels[key] === value,
      ),
    )
    .flatMap(({ spec }) => spec?.configPatches ?? [])
    .filter(({ match }) => (match.context === "GATEWAY") === (type === "router"));
}

/** Filters of Envoy's own that some ports are for. */
const STOCK = ["redis_proxy", "zookeeper_proxy", "kafka_broker"].map(
  (name) => `envoy.filters.network.${name}`,
);

/** What puts the filter into filter chains; undefined: a module. */
function isInsertion({ applyTo, patch: { operation, value } }: Patch, filter?: string): boolean {
  if (applyTo !== "NETWORK_FILTER") return false;
  return filter === undefined
    ? operation === "INSERT_BEFORE" && value?.name?.startsWith("metaproto.") === true
    : ["INSERT_BEFORE", "REPLACE"].includes(operation) && value?.name === filter;
}

/** Whether the patches give all filter chains of the listener this name. */
function isNamed(chain: string | undefined, listener: string, patches: readonly Patch[]): boolean {
  return patches.some(
    ({ applyTo, match, patch }) =>
      applyTo === "FILTER_CHAIN" &&
      match.listener?.name === listener &&
      patch.value?.name === chain,
  );
}

/** @param filter one of `STOCK`; undefined: a module. */
function isMeant(
  chain: ChainView,
  listener: string,
  patches: readonly Patch[],
  filter?: string,
): boolean {
  const insertions = patches.filter((patch) => isInsertion(patch, filter));
  return insertions.some(({ match }) => {
    const { name, filterChain = {} } = match.listener ?? {};
    const { name: chainName, destinationPort, sni } = filterChain;
    return (
      (name === undefined ? isNamed(chainName, listener, patches) : name === listener) &&
      chain.name !== PASSTHROUGH &&
      // What is HTTP has another filter at its end.
      chain.filters.some((own) => [TCP_PROXY, ECHO, ...STOCK].includes(own)) &&
      (chainName === undefined || chainName === chain.name) &&
      (destinationPort === undefined || destinationPort === chain.destinationPort) &&
      (sni === undefined || chain.serverNames?.includes(sni) === true)
    );
  });
}

/** Ours, where upstream connections begin; waypoints of Istio have others that are internal. */
function isDialed(listener: string): boolean {
  return listener.startsWith("metaproto.");
}

describe("what istiod has made of our objects", () => {
  test("there is something", () => {
    expect(cases.length).toBeGreaterThan(0);
    for (const name of cases) expect(existsSync(join(TESTDATA, `${name}.in.yaml`))).toBe(true);
  });

  test.each(cases)("%s: is of the objects of now; else run scripts/test --mesh", (name) => {
    const golden = parse(readFileSync(goldenFile(name), "utf8")) as { readonly madeFrom: string };
    expect(golden.madeFrom).toBe(inputHash(name));
  });

  test.each(proxies)(
    "%s, %s: our filter is in each chain that is named, and in no other",
    (name, _, proxy) => {
      const patches = patchesFor(name, proxy);
      for (const [listener, { chains, isInternal }] of Object.entries(proxy.listeners)) {
        if (isInternal === true && isDialed(listener)) continue;
        for (const chain of chains) {
          const ours = chain.filters.filter((filter) => filter.startsWith("metaproto."));
          const meant = isMeant(chain, listener, patches);
          expect([listener, chain.name, ours.length]).toEqual([
            listener,
            chain.name,
            meant ? 1 : 0,
          ]);
          expect(chain.filters.includes(ECHO)).toBe(meant);
          if (!meant) continue;
          expect(chain.filters.at(-1)).toBe(ECHO);
          expect(chain.filters.at(-2)).toBe(ours[0]);
          expect(chain.filters).not.toContain(TCP_PROXY);
        }
      }
    },
  );

  test.each(proxies)(
    "%s, %s: each filter of Envoy's own is in each chain that is named, once, and in no other",
    (name, _, proxy) => {
      const patches = patchesFor(name, proxy);
      for (const [listener, { chains }] of Object.entries(proxy.listeners))
        for (const chain of chains)
          for (const filter of STOCK) {
            const found = chain.filters.filter((own) => own === filter);
            const meant = isMeant(chain, listener, patches, filter) ? 1 : 0;
            expect([listener, chain.name, filter, found.length]).toEqual([
              listener,
              chain.name,
              filter,
              meant,
            ]);
          }
    },
  );

  test("filters of Envoy's own leave what shares a listener with them as it is", () => {
    const chainOf = (key: string): readonly unknown[] => {
      const found = proxies.find(([name, proxy]) => name === "stock" && proxy === key);
      const { chains = [] } = found?.[2].listeners["0.0.0.0_6380"] ?? {};
      return chains.map(({ name, filters }) => [name, filters.at(-1)]);
    };
    const http = [undefined, "envoy.filters.network.http_connection_manager"];
    expect(chainOf("client")).toEqual([http, [undefined, "envoy.filters.network.redis_proxy"]]);
    // Its EnvoyFilters are the client's.
    expect(chainOf("scoped")).toEqual([http, [PASSTHROUGH, TCP_PROXY]]);
  });

  test.each(proxies)(
    "%s, %s: what modules dial is there for each of them",
    (_, __, { listeners }) => {
      const all = Object.entries(listeners);
      const plugins = new Set(
        all
          .filter(([name, { isInternal }]) => isInternal !== true || !isDialed(name))
          .flatMap(([, { chains }]) => chains.flatMap(({ filters }) => filters))
          .filter((filter) => filter.startsWith("metaproto.")),
      );
      for (const plugin of plugins)
        expect(
          all.some(
            ([name, { isInternal }]) => isInternal === true && name.startsWith(`${plugin}.`),
          ),
        ).toBe(true);
    },
  );
});
