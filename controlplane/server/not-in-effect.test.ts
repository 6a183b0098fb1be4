import { describe, expect, test } from "vitest";
import type { Configuration } from "../api/configuration.js";
import { validateResource } from "../api/kinds.js";
import type { Resource } from "../api/kinds.js";
import { judgeFile, type JudgedFile } from "../stores/directory/judge-file.js";
import { type Translation, translateToMesh } from "../translate/api-to-ir/translate-to-mesh.js";
import { notInEffect } from "./not-in-effect.js";

const SERVICE = `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: a }
spec: { hosts: [a.test], ports: [{ number: 1, name: tcp-metaprotocol-dubbo }], resolution: STATIC }
`;
const ROUTER = `apiVersion: metaprotocol.aeraki.io/v1alpha1
kind: MetaRouter
metadata: { name: r }
spec: { hosts: [a.test], routes: [{ route: [{ destination: { host: a.test } }] }] }
`;

/** What a control plane makes of these files, one after the other: the state after the last. */
function after(...texts: readonly string[]): string[] {
  let judged: JudgedFile | undefined;
  let translation: Translation | undefined;
  let configuration: Configuration = { resources: [], faults: [], warnings: [] };
  for (const text of texts) {
    const accepted = translation?.accepted;
    judged = judgeFile("mesh/a.yaml", text, judged, (key) => accepted?.get(key));
    configuration = judged;
    translation = translateToMesh({ resources: judged.resources, modules: [] }, translation);
  }
  if (translation === undefined) throw new Error("no file");
  return notInEffect({ configuration, translation, directory: "mesh" });
}

describe("what is not in effect", () => {
  test("is nothing while all is well, nor while a former version is in effect", () => {
    expect(after(SERVICE)).toEqual([]);
    expect(after(SERVICE, SERVICE.replace("[a.test]", "[]"))).toEqual([]);
    expect(after(SERVICE, SERVICE.replace("dubbo", "nobody"))).toEqual([]);
    expect(after(SERVICE, "kind: [")).toEqual([]);
  });

  test("is a resource that never was valid", () => {
    expect(after(SERVICE.replace("[a.test]", "[]").replace("1,", "x,"))).toEqual([
      "mesh/a.yaml: ServiceEntry/a has no last good version: its hosts are not served",
    ]);
  });

  test("is a resource that never could be translated", () => {
    const router = ROUTER.replace("{ host: a.test }", "{ host: a.test, subset: none }");
    expect(after(`${SERVICE}---\n${router}`)).toEqual([
      "mesh/a.yaml: MetaRouter/r has no last good version: its hosts are routed as if it did not exist",
    ]);
  });

  test("is a file that never could be read", () => {
    expect(after("kind: [")).toEqual([
      "mesh/a.yaml has no last good version: nothing in it is in effect",
    ]);
  });

  test("is not the directory, which leaves everything as it was", () => {
    const fault = {
      file: "mesh",
      line: undefined,
      resource: undefined,
      path: "",
      message: "cannot be read",
    };
    const configuration = { resources: [], faults: [fault], warnings: [] };
    const translation = translateToMesh({ resources: [], modules: [] });
    expect(notInEffect({ configuration, translation, directory: "mesh" })).toEqual([]);
  });
});

test("a second resource of the same name leaves the first in effect", () => {
  const validation = validateResource({
    apiVersion: "networking.istio.io/v1",
    kind: "WorkloadEntry",
    metadata: { name: "w" },
    spec: { address: "10.0.0.1" },
  });
  if (validation.outcome !== "valid") throw new Error("not valid");
  const resources: Resource[] = [validation.resource];
  const translation = translateToMesh({ resources, modules: [] });
  const { kind, metadata } = validation.resource;
  const fault = {
    file: "mesh/b.yaml",
    line: 1,
    resource: { kind, ...metadata },
    path: "metadata.name",
    message: "is already defined",
  };
  const configuration = { resources, faults: [fault], warnings: [] };
  expect(notInEffect({ configuration, translation, directory: "mesh" })).toEqual([]);
});
