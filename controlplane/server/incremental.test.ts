// One mesh after the other, by random edits of the resources of the goldens: what is made of each with what was made
// before must be what is made of it from scratch.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { type Resource, validateResource } from "../api/kinds.js";
import { compileRegex } from "../regex/compile-regex.js";
import type { DefaultExportTo, ServiceFacts } from "../translate/api-to-ir/istio-facts.js";
import type { MeshInput } from "../translate/api-to-ir/translate-once.js";
import { type Translation, translateToMesh } from "../translate/api-to-ir/translate-to-mesh.js";
import {
  envoyFilters,
  type IstioOptions,
  ObjectMemo,
} from "../translate/ir-to-istio/envoy-filters.js";
import { pluginVersions } from "../translate/ir-to-xds/plugin-version.js";
import { RouteConfigurations } from "./route-configurations.js";

const TESTDATA = join(import.meta.dirname, "..", "translate", "testdata", "istio");
const STEPS = 60;
const SEEDS = [1, 2, 3];

interface Golden {
  readonly services?: Readonly<Record<string, ServiceFacts>>;
  readonly defaultExportTo?: DefaultExportTo;
}

type Editable<T> = { -readonly [K in keyof T]: Editable<T[K]> };

/** Mulberry32: numbers in [0, 1). */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function read(file: string): { readonly golden: Golden; readonly resources: readonly Resource[] } {
  const text = readFileSync(join(TESTDATA, file), "utf8");
  const [golden, ...documents] = parseAllDocuments(text).map((one) => one.toJS() as unknown);
  const resources = documents.map((document) => {
    const validation = validateResource(document);
    if (validation.outcome !== "valid") throw new Error(JSON.stringify(validation));
    return validation.resource;
  });
  return { golden: golden as Golden, resources };
}

/** Another version of the resource, right or wrong. */
function edited(resource: Resource, random: () => number): Resource {
  const copy = structuredClone(resource) as Editable<Resource>;
  const isFirst = random() < 0.5;
  switch (copy.kind) {
    case "MetaRouter":
      if (isFirst) copy.spec.routes.pop();
      else
        for (const { route } of copy.spec.routes)
          for (const target of route) {
            target.weight = Math.ceil(random() * 100);
            if (random() < 0.2) target.destination.host = "nowhere.shop";
          }
      break;
    case "ServiceEntry":
      if (isFirst) copy.spec.addresses = [`10.0.0.${String(Math.ceil(random() * 4))}`];
      else if (copy.spec.ports.length > 1) copy.spec.ports.pop();
      else copy.spec.resolution = random() < 0.5 ? "NONE" : "DNS";
      break;
    case "DestinationRule":
      if (isFirst) copy.spec.subsets.pop();
      else copy.spec.host = "*.shop";
      break;
    case "WorkloadEntry":
      copy.spec.address = `10.1.0.${String(Math.ceil(random() * 4))}`;
      break;
    case "ApplicationProtocol":
      copy.metadata.labels = { edited: String(random()) };
      break;
    default:
      break;
  }
  return copy as Resource;
}

/** One of the pool comes, goes, is edited, or is again as it was. */
function step(
  present: readonly Resource[],
  pool: readonly Resource[],
  random: () => number,
): readonly Resource[] {
  const chosen = pool[Math.floor(random() * pool.length)];
  if (chosen === undefined) return present;
  const isChosen = ({ kind, metadata }: Resource): boolean =>
    kind === chosen.kind &&
    metadata.name === chosen.metadata.name &&
    metadata.namespace === chosen.metadata.namespace;
  const next = random() < 0.6 ? edited(chosen, random) : chosen;
  if (!present.some(isChosen)) return [...present, next];
  if (random() < 0.25) return present.filter((resource) => !isChosen(resource));
  return present.map((resource) => (isChosen(resource) ? next : resource));
}

/** Of one of three versions of the module, maybe with another one beside it or for canaries. */
function optionsOf({ mesh }: Translation, random: () => number): IstioOptions {
  const version = () => {
    const digest = "abc".charAt(Math.floor(random() * 3)).repeat(16);
    return { name: "dubbo", digest, code: Buffer.from(digest) };
  };
  const modules = new Map([["dubbo", version()]]);
  const others = pluginVersions(mesh.protocols, new Map([["dubbo", version()]]));
  return {
    rootNamespace: "istio-system",
    controlPlane: { host: "metaproto.system.svc", port: 15_020, identity: undefined },
    modules,
    otherPlugins: random() < 0.5 ? others : [],
    canaries:
      random() < 0.3 ? others.map((one) => ({ labels: { track: "canary" }, version: one })) : [],
    sourceOf: ({ digest }) =>
      digest.startsWith("a")
        ? { kind: "inline" }
        : { kind: "remote", url: `oci://modules/dubbo:${digest}`, sha256: digest },
  };
}

function listenersOf({ mesh }: Translation): readonly unknown[] {
  return [...mesh.listeners, ...(mesh.redisListeners ?? []), ...(mesh.tcpListeners ?? [])];
}

describe.each(readdirSync(TESTDATA).filter((file) => file.endsWith(".in.yaml")))("%s", (file) => {
  const { golden, resources: pool } = read(file);
  const services = new Map(Object.entries(golden.services ?? {}));
  const { defaultExportTo } = golden;
  const istio = { services, ...(defaultExportTo && { defaultExportTo }) };

  test.each(SEEDS)("each step is as from scratch, seed %i", (seed) => {
    const random = randomOf(seed);
    const memo = new ObjectMemo();
    const routes = new RouteConfigurations(compileRegex);
    let resources = pool;
    let before: Translation | undefined;
    let options: IstioOptions | undefined;
    let shared = 0;
    for (let count = 0; count < STEPS; count++) {
      const input: MeshInput = { resources, modules: [], istio };
      const now = translateToMesh(input, before);
      const scratch = translateToMesh(structuredClone(input), structuredClone(before));
      expect(now).toEqual(scratch);
      if (options === undefined || random() < 0.2) options = optionsOf(now, random);
      const objects = envoyFilters(now.mesh, { ...options, memo });
      expect(JSON.stringify(objects)).toBe(JSON.stringify(envoyFilters(scratch.mesh, options)));
      const ownFaults: string[] = [];
      const faults: string[] = [];
      expect(routes.of(now.mesh, ownFaults)).toEqual(
        new RouteConfigurations(compileRegex).of(scratch.mesh, faults),
      );
      expect(ownFaults).toEqual(faults);
      const former = new Set(before === undefined ? [] : listenersOf(before));
      shared += listenersOf(now).filter((listener) => former.has(listener)).length;
      before = now;
      resources = step(resources, pool, random);
    }
    expect(shared).toBeGreaterThan(STEPS / 2);
  });
});
