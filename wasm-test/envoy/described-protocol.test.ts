// A protocol that nobody wrote a codec for, from a few lines of YAML to a stock Envoy; its client and its servers are
// Node programs. What all protocols do, this one does in rpc-codecs.test.ts.
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { CourierClient, CourierFlag, CourierServer } from "./support/courier.js";
import { waitUntil } from "./support/deadline.js";
import { Mesh } from "./support/mesh.js";
import { freePort } from "./support/ports.js";
import type { RouteOptions, ServiceOptions } from "./support/resources.js";

const DESCRIPTION = readFileSync(
  new URL("../../docs/protocol-owners/frames/courier.yaml", import.meta.url),
  "utf8",
);
const FILE = "protocol.yaml";
const ROUTES: readonly RouteOptions[] = [
  { match: { cmd: { exact: "153" }, sub_cmd: { regex: "1|2" } }, to: { old: 100 } },
  {
    match: { cmd: { exact: "153" }, tenant: { exact: "blue" } },
    to: { next: 100 },
    requestMutation: { lane: "fast" },
  },
];
const PARCEL = { cmd: 153, subCmd: 1, body: "parcel" };

let mesh: Mesh;
let client: CourierClient;
let service: ServiceOptions;
const old: CourierServer[] = [];
let next: CourierServer;

beforeAll(async () => {
  for (const name of ["old-1", "old-2"]) old.push(await CourierServer.start(name));
  next = await CourierServer.start("next");
  service = {
    protocol: "courier",
    port: await freePort(),
    endpoints: [
      ...old.map(({ port }) => ({ port, version: "old" })),
      { port: next.port, version: "next" },
    ],
    routes: ROUTES,
  };
  // Connections of clients and routes are those of one worker: what is told of one is told of all.
  mesh = await Mesh.start([service], { concurrency: 1, files: { [FILE]: DESCRIPTION } });
  client = await CourierClient.connect(service.port);
});

afterAll(async () => {
  client.close();
  await mesh.stop();
  await Promise.all([...old, next].map((server) => server.stop()));
});

test("one connection is spread over endpoints by command and sub-command", async () => {
  await client.ask([PARCEL]);
  const many = await client.ask(Array.from({ length: 200 }, () => PARCEL));
  expect(new Set(many.map(({ body }) => body))).toEqual(
    new Set(["old-1: parcel", "old-2: parcel"]),
  );
  expect(next.requests).toEqual([]);
});

test("by a tag, which stays, and another one is set", async () => {
  const tags = { tenant: "blue" };
  const [blue] = await client.ask([{ cmd: 153, subCmd: 9, tags, body: "letter" }]);
  expect(blue).toMatchObject({ body: "next: letter", cmd: 153, subCmd: 9, code: 0 });
  expect(next.requests.at(-1)).toMatchObject({ tags: { tenant: "blue", lane: "fast" } });
});

test("errors in the protocol's own form, heartbeats, and what nobody answers", async () => {
  const [lost, alive] = await client.ask([{ cmd: 7, subCmd: 3 }, { flags: CourierFlag.Heartbeat }]);
  expect(lost).toMatchObject({ flags: CourierFlag.Response, cmd: 7, subCmd: 3, code: -404 });
  expect(lost?.body).toMatch(/no route/);
  expect(alive).toMatchObject({ flags: CourierFlag.Response | CourierFlag.Heartbeat, body: "" });
  await client.ask([{ flags: CourierFlag.Oneway, cmd: 153, subCmd: 2, body: "postcard" }]);
  await waitUntil("the oneway request", () =>
    old.some(({ requests }) => requests.some(({ body }) => body === "postcard")),
  );
});

test("a description that is wrong changes nothing, and says where", async () => {
  mesh.controlPlane.write(FILE, DESCRIPTION.replace("requestId: sequence", "requestId: serial"));
  const fault = await waitUntil("the fault", () =>
    mesh.controlPlane.log().find((line) => line.includes("spec.frame.layouts[0].requestId")),
  );
  expect(fault).toMatch(/protocol\.yaml:\d+: .*there is no value `serial`/);
  expect((await client.ask([PARCEL]))[0]?.body).toMatch(/^old/);
});

test("another description is in force for new connections; those that are open keep theirs", async () => {
  mesh.controlPlane.write(FILE, DESCRIPTION.replace("noRoute: -404", "noRoute: -1404"));
  await waitUntil("the new description", async () => {
    const fresh = await CourierClient.connect(service.port);
    const [answer] = await fresh.ask([{ cmd: 7 }]);
    fresh.close();
    return answer?.code === -1404;
  });
  const [kept, routed] = await client.ask([{ cmd: 7 }, PARCEL]);
  expect(kept).toMatchObject({ code: -404 });
  expect(routed?.body).toMatch(/^old/);
  expect(await mesh.envoy.stat("listener_manager.listener_modified")).toBe(0);
});
