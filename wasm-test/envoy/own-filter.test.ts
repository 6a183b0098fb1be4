// Filters of somebody's own, as docs/filter-writers says: begun by the command, built and tested with packages that were
// packed and installed, and at work in a stock Envoy.
import { readFileSync, symlinkSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { PROJECT_CODECS } from "../../controlplane/scaffold/filter-project.js";
import { describeWith } from "./support/describe-with.js";
import { DubboMesh } from "./support/dubbo-mesh.js";
import { type DubboRequest, missingDubboPeer } from "./support/dubbo-peer.js";
import {
  RpcCode,
  expectApplicationException,
  expectRpcException,
} from "./support/expect-failure.js";
import type { RouteOptions, ServiceOptions } from "./support/resources.js";
import { THRIFT_LANGUAGES, ThriftMesh, missingThriftPeers } from "./support/thrift-mesh.js";
import { ExceptionType } from "./support/thrift-wire.js";
import { Workshop } from "./support/workshop.js";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
/** Longer than any test, and on no boundary while one runs: such intervals begin every 24 days. */
const INTERVAL = "2147483s";

/** The MetaRouter that a page of the documentation shows, for a service of a test. */
function routerOf(page: string): Pick<ServiceOptions, "routes" | "router"> {
  const text = readFileSync(`${ROOT}docs/filter-writers/${page}`, "utf8");
  const yaml = /^```yaml\n([\s\S]*?)^```/m.exec(text)?.[1]?.replaceAll("24h", INTERVAL);
  const resources = parseAllDocuments(yaml ?? "").map((document) => document.toJS() as object);
  const { spec } = resources.find(
    (resource) => "kind" in resource && resource.kind === "MetaRouter",
  ) as {
    readonly spec: {
      readonly filters: readonly object[];
      readonly routes: readonly {
        readonly match?: { readonly attributes: NonNullable<RouteOptions["match"]> };
        readonly filters?: readonly object[];
      }[];
    };
  };
  return {
    router: { filters: spec.filters },
    routes: spec.routes.map(({ match, filters = [] }) => ({
      match: match?.attributes ?? {},
      to: { v1: 100 },
      more: { filters },
    })),
  };
}

/** Each worker hands its own counts over once a second. */
async function expectStats(
  mesh: DubboMesh | ThriftMesh,
  counts: Readonly<Record<string, number>>,
): Promise<void> {
  for (const [name, count] of Object.entries(counts)) {
    await expect.poll(() => mesh.stat(name)).toBe(count);
  }
}

let workshop: Workshop;

beforeAll(() => {
  workshop = new Workshop();
});

afterAll(() => {
  workshop.dispose();
});

/** For editors: what asc compiles is TypeScript to them. */
async function checkTypes(project: string): Promise<void> {
  const tsc = `${ROOT}node_modules/typescript/bin/tsc`;
  await workshop.run(project, process.execPath, tsc, "-p", "assembly", "--noEmit");
}

describe("the project that `metaproto new filter` writes", () => {
  test("builds and passes its tests by the commands of the documentation", async () => {
    const page = readFileSync(`${ROOT}docs/filter-writers/README.md`, "utf8");
    const commands = /^```sh\n([\s\S]*?)^```/m.exec(page)?.[1]?.trim().split("\n");
    expect(commands).toEqual([
      "npx metaproto new filter guard",
      "cd guard",
      "npm install",
      "npm test",
    ]);
    workshop.create(".");
    await workshop.install(".", "metaproto");
    const written = await workshop.run(
      ".",
      "npx",
      "--no-install",
      "metaproto",
      "new",
      "filter",
      "guard",
    );
    expect(written).toContain("guard/assembly/filter.ts\n");
    await workshop.install("guard", "metaproto-as", "metaproto-test");
    expect(await workshop.run("guard", "npm", "test")).toMatch(/^# pass 4$[\s\S]*^# fail 0$/m);
    await checkTypes("guard");
  });

  test("is what the example of the test kit's page tests", async () => {
    const page = readFileSync(`${ROOT}wasm-test/kit/README.md`, "utf8");
    const example = /^```js\n([\s\S]*?)^```/m.exec(page)?.[1] ?? "";
    expect(example).toContain('name: "guard"');
    await workshop.run("guard", process.execPath, "--input-type=module", "--eval", example);
  });

  // Its tests are the protocol's; the compiler's care is not what they test.
  test.each(PROJECT_CODECS.filter((codec) => codec !== "dubbo"))(
    "passes its tests with %s",
    async (codec) => {
      const project = `with-${codec}`;
      const command = ["npx", "--no-install", "metaproto", "new", "filter", project] as const;
      await workshop.run(".", ...command, "--codec", codec);
      symlinkSync(workshop.path("guard/node_modules"), workshop.path(project, "node_modules"));
      const quickly = ["--optimizeLevel", "0", "--shrinkLevel", "0"];
      await workshop.run(project, "npm", "run", "build", "--", ...quickly);
      const output = await workshop.run(project, process.execPath, "--test");
      expect(output).toMatch(/^# pass 4$[\s\S]*^# fail 0$/m);
    },
  );

  describeWith("in Envoy", [missingDubboPeer()], () => {
    test("answers for the server where its route says so", async () => {
      const mesh = await DubboMesh.start({
        endpoints: { v1: "v1" },
        service: {
          router: {
            filters: [{ name: "guard", config: { attribute: "method", refuse: ["sayHello"] } }],
          },
          routes: [
            {
              match: { trusted: { exact: "yes" } },
              to: { v1: 100 },
              more: { filters: [{ name: "guard", disabled: true }] },
            },
            { to: { v1: 100 } },
          ],
        },
        envoy: { serveArgs: ["--modules", workshop.path("guard/build")] },
      });
      try {
        const { consumer, port } = mesh;
        const hello: DubboRequest = { method: "sayHello", args: ["you"] };
        const failure = await consumer.fail({ port }, hello);
        expectRpcException(failure, RpcCode.Forbidden, "metaproto: refused by guard");
        const trusted = { ...hello, attachments: { trusted: "yes" } };
        expect((await consumer.call({ port }, trusted)).value).toBe("Hello you from v1");
        expect((await consumer.call({ port }, { method: "echo", args: ["x"] })).value).toBe("x");
        await expectStats(mesh, { guard_refused: 1, local_reply_uaex: 1 });
      } finally {
        await mesh.stop();
      }
    });
  });
});

describe("the example of the documentation, a quota by caller", () => {
  beforeAll(async () => {
    workshop.copy("examples/quota", "quota");
    await workshop.install("quota", "metaproto-as", "metaproto-test");
  });

  test("builds and passes its tests", async () => {
    expect(await workshop.run("quota", "npm", "test")).toMatch(/^# pass 16$[\s\S]*^# fail 0$/m);
    await checkTypes("quota");
  });

  describeWith("with Dubbo", [missingDubboPeer()], () => {
    test("gives an application five answers, and two of low priority", async () => {
      const mesh = await DubboMesh.start({
        endpoints: { v1: "v1" },
        service: routerOf("quota.md"),
        envoy: { serveArgs: ["--modules", workshop.path("quota/build")], concurrency: 2 },
      });
      try {
        const { consumer, port } = mesh;
        const hello = (priority: string): DubboRequest => ({
          method: "sayHello",
          args: ["you"],
          attachments: { priority },
        });
        // Of whatever connection: workers count together.
        const answered = async (priority: string, count: number): Promise<number> => {
          const target = { port, connections: 8 };
          const { succeeded } = await consumer.burst(target, [hello(priority)], {
            count,
            concurrency: 8,
          });
          return succeeded;
        };
        expect(await answered("none", 40)).toBe(5);
        expect(await answered("low", 40)).toBe(2);
        expect(await answered("high", 40)).toBe(40);
        const failure = await consumer.fail({ port }, hello("none"));
        expectRpcException(failure, RpcCode.LimitExceeded, "the caller's quota is used up");
        const refused = 40 - 5 + (40 - 2) + 1;
        await expectStats(mesh, { quota_ok: 7, quota_used_up: refused, local_reply_rl: refused });
      } finally {
        await mesh.stop();
      }
    });
  });

  describeWith("with Thrift", missingThriftPeers(), () => {
    test("gives each caller five answers, in each language", async () => {
      const header = { transport: "header", protocol: "binary" } as const;
      const mesh = await ThriftMesh.start({
        endpoints: [{ label: "go", language: "go", version: "v1", ...header }],
        service: routerOf("quota.md"),
        envoy: { serveArgs: ["--modules", workshop.path("quota/build")] },
      });
      try {
        for (const language of THRIFT_LANGUAGES) {
          const client = mesh.client(language);
          const headers = { "remote.application": `shop-in-${language}` };
          const hello = { method: "hello", args: ["you"], headers } as const;
          const target = { ...header, port: mesh.port };
          for (let i = 0; i < 5; i++) {
            expect((await client.call(target, hello)).value).toBe("Hello you from go");
          }
          const failure = await client.fail(target, hello);
          const text = "metaproto: the caller's quota is used up";
          expectApplicationException(failure, ExceptionType.InternalError, text);
        }
        await expectStats(mesh, { quota_ok: 10, quota_used_up: 2 });
      } finally {
        await mesh.stop();
      }
    });
  });
});
