import { KubeConfig } from "@kubernetes/client-node";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { closeNow, listenOn } from "../runtime/http-listener.js";
import { AwaitedWatch } from "./awaited-watch.js";
import { widget } from "./testing/widgets.js";

const SECONDS = 290;
const GRACE_MS = 30_000;
const OBJECT = widget("a");

let server: Server;
let answer: (response: ServerResponse, socket: Socket) => void;
let connections: Set<Socket>;
let url: string | undefined;

beforeEach(async () => {
  const own = new Set<Socket>();
  connections = own;
  server = createServer((request, response) => {
    url = request.url;
    answer(response, request.socket);
  });
  server.on("connection", (socket) => {
    own.add(socket);
    socket.on("close", () => own.delete(socket));
  });
  await listenOn(server, "127.0.0.1", 0);
});

afterEach(async () => {
  vi.useRealTimers();
  await closeNow(server);
});

function watch(signal = new AbortController().signal) {
  const { port } = server.address() as AddressInfo;
  const config = new KubeConfig();
  const cluster = { name: "test", server: `http://127.0.0.1:${port}`, skipTLSVerify: true };
  config.loadFromClusterAndUser(cluster, { name: "test" });
  const told: unknown[] = [];
  let opened = 0;
  const watched = new AwaitedWatch({
    config,
    signal,
    seconds: SECONDS,
    onOpen: () => opened++,
    read: (object) => {
      if (object.metadata.name === "unreadable") throw new Error("unreadable");
      return { ...object, spec: "read" };
    },
  });
  const end = watched
    .watch("/widgets", { resourceVersion: "7" }, (type, object) => told.push([type, object]))
    .then(
      () => "ended",
      (error: unknown) => error,
    );
  return { end, told, opened: () => opened };
}

/** The beginning of an answer, with these lines. */
function begin(response: ServerResponse, ...lines: unknown[]): void {
  response.writeHead(200);
  response.flushHeaders();
  for (const line of lines)
    response.write(`${typeof line === "string" ? line : JSON.stringify(line)}\n`);
}

const ADDED = { type: "ADDED", object: OBJECT };

describe("a watch", () => {
  it("asks for bookmarks and an end, tells what comes, and ends with the server", async () => {
    answer = (response) => {
      begin(response, ADDED, { type: "BOOKMARK", object: { metadata: { resourceVersion: "9" } } });
      response.end();
    };
    const { end, told, opened } = watch();
    expect(await end).toBe("ended");
    expect(told).toEqual([
      ["ADDED", { ...OBJECT, spec: "read" }],
      ["BOOKMARK", { metadata: { resourceVersion: "9" } }],
    ]);
    expect(opened()).toBe(1);
    expect(Object.fromEntries(new URL(url ?? "", "http://test").searchParams)).toEqual({
      watch: "true",
      resourceVersion: "7",
      allowWatchBookmarks: "true",
      timeoutSeconds: "290",
    });
    await expect.poll(() => connections.size).toBe(0);
  });

  it.each([
    ["is an error", { type: "ERROR", object: { code: 410, message: "too old" } }, 410, "too old"],
    ["is an error without more", { type: "ERROR" }, 0, "the watch failed"],
    ["has no object", {}, 0, "no object"],
    [
      "has something else for an object",
      { type: "ADDED", object: { metadata: 1 } },
      0,
      "no object",
    ],
    ["cannot be read", { type: "ADDED", object: widget("unreadable") }, 0, "unreadable"],
  ])("fails for a line that %s, and tells nothing after it", async (_, line, status, message) => {
    answer = (response) => begin(response, line, ADDED);
    const { end, told } = watch();
    expect(await end).toMatchObject({
      status,
      message: expect.stringContaining(message) as string,
    });
    expect(told).toEqual([]);
    await expect.poll(() => connections.size).toBe(0);
  });

  it("leaves out lines that are no JSON", async () => {
    answer = (response) => {
      begin(response, "<html>", ADDED);
      response.end();
    };
    const { end, told } = watch();
    expect(await end).toBe("ended");
    expect(told).toHaveLength(1);
  });

  it("fails where the server refuses it", async () => {
    answer = (response) => {
      response.writeHead(403);
      response.end("no");
    };
    const { end, opened } = watch();
    expect(await end).toMatchObject({ status: 403, message: "Forbidden" });
    expect(opened()).toBe(0);
  });

  it.each([
    ["ends", (socket: Socket) => socket.end()],
    ["is destroyed", (socket: Socket) => socket.destroy()],
    ["is reset", (socket: Socket) => socket.resetAndDestroy()],
  ])("ends when its connection %s in the middle of a line", async (_, breakIt) => {
    answer = (response, socket) => {
      begin(response, ADDED);
      response.write('{"type": "ADDED", "ob');
      setTimeout(() => breakIt(socket), 50);
    };
    const { end, told } = watch();
    await end;
    expect(told).toHaveLength(1);
  });

  it("is ended when nothing is heard of it for longer than agreed", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    answer = (response) => begin(response, ADDED);
    const { end, opened } = watch();
    await expect.poll(opened).toBe(1);
    vi.advanceTimersByTime(SECONDS * 1000 + GRACE_MS - 1);
    expect(connections.size).toBe(1);
    vi.advanceTimersByTime(1);
    expect(await end).toBe("ended");
    vi.useRealTimers();
    await expect.poll(() => connections.size).toBe(0);
  });

  it("fails when the server does not answer", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    answer = () => undefined;
    const { end } = watch();
    vi.advanceTimersByTime(30_000);
    expect(await end).toMatchObject({ status: 0, reason: "Timeout" });
    vi.useRealTimers();
    await expect.poll(() => connections.size).toBe(0);
  });

  it.each([
    ["the server has not answered yet", () => undefined],
    ["it is open", (response: ServerResponse) => begin(response)],
  ])("can be ended while %s, and leaves nothing", async (_, how) => {
    const stopping = new AbortController();
    answer = how;
    const { end } = watch(stopping.signal);
    await expect.poll(() => connections.size).toBe(1);
    stopping.abort();
    expect(await end).toBe("ended");
    await expect.poll(() => connections.size).toBe(0);
  });

  it("does not begin after its end", async () => {
    expect(await watch(AbortSignal.abort()).end).toBe("ended");
    expect(connections.size).toBe(0);
  });
});
