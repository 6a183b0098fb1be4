import { describe, expect, test } from "vitest";
import type { ApplicationProtocol } from "./application-protocol.js";
import { validateResource } from "./kinds.js";
import { customResourceDefinitions } from "./reference/custom-resources.js";
import { schemaFaults } from "./reference/testing/schema-faults.js";

const SHA256 = "0a".repeat(32);
const KEY = "-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----\n";

function document(module: unknown, more: object = {}): object {
  return {
    apiVersion: "metaprotocol.aeraki.io/v1alpha1",
    kind: "ApplicationProtocol",
    metadata: { name: "acme" },
    spec: { protocol: "acme", module, ...more },
  };
}

function faults(module: unknown, more?: object): string[] {
  const result = validateResource(document(module, more));
  if (result.outcome !== "invalid") return [];
  return result.faults.map(({ path, message }) => `${path}: ${message}`);
}

describe("where a module comes from", () => {
  test.each([
    [{ url: "oci://registry.example/team/acme:1.0" }],
    [{ url: `oci://registry.example/team/acme@sha256:${SHA256}` }],
    [{ url: "https://files.example/acme.wasm", sha256: SHA256 }],
    [{ url: "file:///srv/acme.wasm" }],
    [
      {
        url: "oci://registry.example/team/acme",
        sha256: SHA256,
        imagePullPolicy: "Always",
        publicKey: KEY,
        canary: {
          url: "oci://registry.example/team/acme:2.0",
          sha256: SHA256,
          labels: { track: "canary" },
          percent: 12.5,
        },
      },
    ],
  ])("may be %j, for the schema of a cluster, too", (module) => {
    const result = validateResource(document(module));
    expect(result).toMatchObject({ outcome: "valid" });
    const { spec } = (result as { readonly resource: ApplicationProtocol }).resource;
    expect(spec.module).toMatchObject(module);
    const crd = customResourceDefinitions().find(({ name }) => name.startsWith("applicationp"));
    const { versions } = (crd?.document as { spec: { versions: { schema: object }[] } }).spec;
    const [version] = versions;
    const { openAPIV3Schema } = version?.schema as { openAPIV3Schema: object };
    expect(schemaFaults(openAPIV3Schema, document(module))).toEqual([]);
  });

  test.each<[unknown, string]>([
    [{}, "spec.module.url: is required"],
    [{ url: "http://files.example/a.wasm" }, "spec.module.url: must begin with `oci://`"],
    [{ url: "https://files.example/a.wasm" }, "spec.module.sha256: is required with `https://`"],
    [
      { url: "https://ann:secret@files.example/a.wasm", sha256: SHA256 },
      "spec.module.url: must not have credentials",
    ],
    [{ url: "oci://r.example/a", sha256: "abc" }, "spec.module.sha256: must be 64 hexadecimal"],
    [
      { url: "oci://r.example/a", imagePullPolicy: "Never" },
      "spec.module.imagePullPolicy: must be",
    ],
    [{ url: "oci://r.example/a", publicKey: "abc" }, "spec.module.publicKey: must be a public key"],
    [{ url: "file:///a.wasm", publicKey: KEY }, "spec.module.publicKey: is for `oci://` only"],
    [
      { url: "oci://r.example/a", canary: { url: "https://r.example/a" } },
      "spec.module.canary.sha256: is required with `https://`",
    ],
    [
      { url: "oci://r.example/a", canary: { url: "oci://r.example/b", percent: 101 } },
      "spec.module.canary.percent: must be from 0 to 100",
    ],
  ])("may not be %j", (module, fault) => {
    expect(faults(module).join("\n")).toContain(fault);
  });

  test("goes with a codec, and not with a description", () => {
    const module = { url: "oci://registry.example/team/acme:1.0" };
    expect(faults(module, { codec: "dubbo" })).toEqual([]);
    expect(faults(module, { frame: {} }).join("\n")).toContain(
      "spec.module: must not be given beside `frame`",
    );
  });
});
