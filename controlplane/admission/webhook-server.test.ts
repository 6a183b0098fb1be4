import { request as httpsRequest } from "node:https";
import { afterEach, beforeEach, expect, test } from "vitest";
import { TestAuthority } from "../identity/testing/test-authority.js";
import type { AdmissionVerdict } from "./admission-review.js";
import { judgeRequest } from "./judge-request.js";
import { WEBHOOK_PATH, WebhookServer } from "./webhook-server.js";

const HOST = "metaproto.system.svc";

let authority: TestAuthority;
let server: WebhookServer;
let port: number;
let answered: string[];
let broken: string[];

beforeEach(async () => {
  authority = new TestAuthority();
  answered = [];
  broken = [];
  server = new WebhookServer({
    judge: (request) => judgeRequest(request, ["shop"]),
    onAnswer: (kind, result) => answered.push(`${kind} ${result}`),
    onBroken: (message) => broken.push(message),
  });
  port = await server.listen("127.0.0.1", 0, authority.identity({ dns: HOST }));
});

afterEach(() => server.stop());

interface Sent {
  readonly body: string;
  readonly method?: string;
  readonly path?: string;
  readonly type?: string;
  readonly ca?: string;
}

function send({
  body,
  method = "POST",
  path = WEBHOOK_PATH,
  type = "application/json",
  ca = authority.certificate,
}: Sent): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const headers = { "content-type": type };
    const tls = { host: "127.0.0.1", port, servername: HOST, ca, agent: false };
    const sent = httpsRequest({ ...tls, method, path, headers }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (part: string) => (text += part));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

const router = (spec: object, metadata: object = {}) => ({
  apiVersion: "metaprotocol.aeraki.io/v1alpha1",
  kind: "MetaRouter",
  metadata: { name: "greeter", namespace: "shop", ...metadata },
  spec: { hosts: ["greeter"], ...spec },
});
const to = [{ destination: { host: "greeter" } }];
const GOOD = router({ routes: [{ route: to }] });
const BAD = router({
  routes: [{ match: { attributes: { method: { regex: "(" } } }, route: to }],
});

function review(fields: object): string {
  return JSON.stringify({
    apiVersion: "admission.k8s.io/v1",
    kind: "AdmissionReview",
    request: {
      uid: "1-2-3",
      kind: { group: "metaprotocol.aeraki.io", version: "v1alpha1", kind: "MetaRouter" },
      name: "greeter",
      namespace: "shop",
      operation: "CREATE",
      object: null,
      oldObject: null,
      ...fields,
    },
  });
}

async function verdictOn(fields: object): Promise<unknown> {
  const { status, text } = await send({ body: review(fields) });
  expect(status).toBe(200);
  const { response } = JSON.parse(text) as { response: unknown };
  return response;
}

test("lets a good resource pass", async () => {
  expect(await verdictOn({ object: GOOD })).toEqual({ uid: "1-2-3", allowed: true });
  expect(answered).toEqual(["MetaRouter allowed"]);
});

test("refuses a bad one, with every field that is wrong", async () => {
  const field = "spec.routes[0].match.attributes.method.regex";
  expect(await verdictOn({ object: BAD })).toMatchObject({
    allowed: false,
    status: {
      code: 422,
      reason: "Invalid",
      message: expect.stringMatching(
        /^spec\.routes\[0\]\.match\.attributes\.method\.regex: /,
      ) as string,
      details: { kind: "MetaRouter", name: "greeter", causes: [{ field }] },
    },
  });
  expect(answered).toEqual(["MetaRouter refused"]);
});

test("warns of what is probably not meant so", async () => {
  const object = router({ routes: [{ route: to }, { route: to }] });
  expect(await verdictOn({ object })).toEqual({
    uid: "1-2-3",
    allowed: true,
    warnings: ["spec.routes[1]: is never reached: a route before it takes every request"],
  });
  expect(answered).toEqual(["MetaRouter warned"]);
});

test("bounds what it says", async () => {
  const routes = Array.from({ length: 100 }, () => ({ route: to, timeout: "x".repeat(300) }));
  const { status, warnings } = (await verdictOn({ object: router({ routes }) })) as {
    status: { message: string; details: { causes: unknown[] } };
    warnings: readonly string[];
  };
  expect(status.message).toContain("; and 69 more");
  expect(status.details.causes).toHaveLength(32);
  expect(warnings).toHaveLength(14);
  expect(warnings.at(-1)).toBe("and 86 more");
});

test.each([
  ["a deletion", { operation: "DELETE", oldObject: BAD }],
  ["a status", { operation: "UPDATE", subResource: "status", object: BAD, oldObject: GOOD }],
  ["what is not read here", { namespace: "other", object: BAD }],
  [
    "labels of what was there before the webhook",
    {
      operation: "UPDATE",
      object: { ...BAD, metadata: { ...BAD.metadata, labels: { a: "b" } } },
      oldObject: BAD,
    },
  ],
  [
    "the last step of a deletion",
    {
      operation: "UPDATE",
      object: { ...BAD, metadata: { ...BAD.metadata, deletionTimestamp: "2026-01-01T00:00:00Z" } },
      oldObject: GOOD,
    },
  ],
  [
    "a name that the server makes up",
    { name: null, object: router(GOOD.spec, { name: undefined, generateName: "greeter-" }) },
  ],
  [
    "what is none of ours",
    { object: { apiVersion: "example.com/v1", kind: "Widget", metadata: { name: "a" } } },
  ],
])("does not refuse %s", async (_, fields) => {
  expect(await verdictOn(fields)).toMatchObject({ allowed: true });
});

test("refuses a change for the worse", async () => {
  const verdict = await verdictOn({ operation: "UPDATE", object: BAD, oldObject: GOOD });
  expect(verdict).toMatchObject({ allowed: false });
});

test.each([
  ["no JSON", { body: "{" }, 400, "the body is no JSON"],
  [
    "no review",
    { body: "{}" },
    400,
    "not an AdmissionReview: apiVersion: is required; kind: is required; request: is required",
  ],
  [
    "another version",
    { body: review({}).replace("io/v1", "io/v1beta1") },
    400,
    "apiVersion: must be one of admission.k8s.io/v1",
  ],
  ["no operation", { body: review({ operation: 7 }) }, 400, "request.operation: must be one of"],
  ["another path", { body: "{}", path: "/" }, 404, "there is only /validate"],
  ["another method", { body: "", method: "PUT" }, 405, "only POST"],
  ["another type", { body: "{}", type: "text/plain" }, 415, "must be application/json"],
  ["too much", { body: " ".repeat(8 * 1024 * 1024 + 1) }, 413, "more than 8388608 bytes"],
])("tells a client that sends %s", async (_, sent, status, message) => {
  // Who sends on although the answer is there may lose it with the connection.
  const answer = await send(sent).catch(() => ({ status, text: message }));
  expect(answer.status).toBe(status);
  expect(answer.text).toContain(message);
  await expect.poll(() => broken.join("\n")).toContain(message);
  expect(answered).toEqual([" error"]);
});

test("serves another certificate to new connections", async () => {
  const next = new TestAuthority();
  const body = review({ object: GOOD });
  await expect(send({ body, ca: next.certificate })).rejects.toThrow();
  server.update(next.identity({ dns: HOST }));
  expect(await send({ body, ca: next.certificate })).toMatchObject({ status: 200 });
  await expect(send({ body })).rejects.toThrow();
});

test("has no opinion on an object that is not there", async () => {
  const verdict = (await verdictOn({})) as AdmissionVerdict & { status: { message: string } };
  expect(verdict.status.message).toBe("the request has no object");
});
