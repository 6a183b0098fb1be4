import { KubeConfig } from "@kubernetes/client-node";
import { describe, expect, it } from "vitest";
import { ApiError, type KubernetesApi } from "../../kubernetes/api.js";
import { createLogger } from "../../runtime/logger.js";
import { meshConfigOf, NO_MESH_CONFIG, readMeshConfig } from "./mesh-config.js";

const PLACE = { namespace: "istio-system", name: "istio" };

function read(...answers: readonly (object | ApiError)[]) {
  const paths: string[] = [];
  const lines: string[] = [];
  const queue = [...answers];
  const api: KubernetesApi = {
    request: ({ path }) => {
      paths.push(path);
      const answer = queue.shift();
      return answer instanceof ApiError ? Promise.reject(answer) : Promise.resolve(answer);
    },
    config: new KubeConfig(),
  };
  const logger = createLogger("info", (line) => lines.push(line));
  return { config: readMeshConfig(api, PLACE, logger), paths, lines };
}

describe("Istio's mesh configuration", () => {
  it("says what holds for resources that do not say it themselves", async () => {
    const mesh = `
rootNamespace: istio-config
trustDomain: acme.test
defaultServiceExportTo: [".", bank]
enableTracing: true
`;
    const { config, paths } = read({ data: { mesh } });
    expect(await config).toEqual({
      rootNamespace: "istio-config",
      trustDomain: "acme.test",
      defaultServiceExportTo: [".", "bank"],
      defaultDestinationRuleExportTo: [],
    });
    expect(paths).toEqual(["/api/v1/namespaces/istio-system/configmaps/istio"]);
  });

  it.each([
    ["may not be read", new ApiError(403, "Forbidden", "no")],
    ["is not there", new ApiError(404, "NotFound", "none")],
    ["has no such key", { data: {} }],
    ["is no YAML", { data: { mesh: "a: [" } }],
    ["has other things there", { data: { mesh: "rootNamespace: [1]\ndefaultServiceExportTo: x" } }],
  ])("says nothing where it %s", async (_, answer) => {
    expect(await read(answer).config).toEqual(NO_MESH_CONFIG);
  });

  it("is waited for while the cluster does not answer", async () => {
    const { config, paths, lines } = read(new ApiError(0, "", "refused"), {
      data: { mesh: "trustDomain: acme.test" },
    });
    expect((await config).trustDomain).toBe("acme.test");
    expect(paths).toHaveLength(2);
    expect(lines.join()).toContain("is tried again: refused");
  });

  it("of nothing says nothing", () => {
    expect(meshConfigOf("")).toEqual(NO_MESH_CONFIG);
  });
});
