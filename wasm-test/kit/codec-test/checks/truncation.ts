// Peers that leave, or fall silent, in the middle of a frame.
import { type Bench, type Check, cutsOf, plural } from "../check.js";
import { Conversation, type Exchange, expectAlive } from "../conversation.js";
import { fail, shown } from "../failure.js";
import type { CapturedFrame } from "../captures.js";
import { HASTY, LATE_MS } from "../timing.js";

/** Each costs a connection, or two. */
const MOST_CUTS = 150;

export const truncation: Check = {
  name: "truncation",
  run: (bench) => {
    const requests = bench.captures.frames.filter(({ from }) => from === "client");
    let cuts = 0;
    bench.each(requests, (frame) => {
      cuts += clientLeaves(bench, frame);
      clientIsSilent(bench, frame);
    });
    bench.each(bench.exchanges, (exchange) => {
      cuts += serverLeaves(bench, exchange);
      serverIsSilent(bench, exchange);
    });
    return `${plural(cuts, "cut")}, with the peer gone or silent after it`;
  },
};

function clientLeaves(bench: Bench, frame: CapturedFrame): number {
  const proxy = bench.proxy({ plugin: HASTY });
  const cuts = cutsOf(frame.bytes.length, MOST_CUTS);
  for (const cut of cuts) {
    const client = proxy.connect();
    proxy.send(client, frame.bytes.subarray(0, cut));
    if (cut % 2 === 0) client.close();
    else client.reset();
    proxy.run();
    const server = proxy.service.take();
    if (server.length > 0) fail(frame.name, "the server gets nothing", shown(server), cut);
  }
  expectAlive(proxy, bench.usual);
  return cuts.length;
}

function clientIsSilent(bench: Bench, frame: CapturedFrame): void {
  const proxy = bench.proxy({ plugin: HASTY });
  const talks = [1, frame.bytes.length >> 1, frame.bytes.length - 1].map((cut) => {
    const talk = new Conversation(proxy);
    if (cut > 0) talk.send(frame.bytes.subarray(0, cut));
    return { talk, cut };
  });
  proxy.advance(LATE_MS);
  for (const { talk, cut } of talks)
    if (cut > 0 && !talk.client.closed)
      fail(frame.name, "the connection is closed after `frameTimeout`", "it is open", cut);
}

/** Nothing of the response reaches the client, but an error does. */
function serverLeaves(bench: Bench, { request, response, answer }: Exchange): number {
  const proxy = bench.proxy({ plugin: HASTY });
  const cuts = cutsOf(response.bytes.length, MOST_CUTS);
  for (const cut of cuts) {
    const talk = new Conversation(proxy);
    talk.send(request.bytes);
    const connection = proxy.service.latest;
    connection.write(response.bytes.subarray(0, cut));
    proxy.run();
    if (cut % 2 === 0) connection.close();
    else connection.reset();
    proxy.run();
    const { client, isClosed } = talk.visible();
    expectFailed(response, cut, answer, client, isClosed);
  }
  expectAlive(proxy, bench.usual);
  return cuts.length;
}

function expectFailed(
  { name }: CapturedFrame,
  cut: number,
  answer: Uint8Array,
  client: Uint8Array,
  isClosed: boolean,
): void {
  if (client.length === 0 && !isClosed)
    fail(name, "an error for the client, or its connection closes", "neither", cut);
  const isPart =
    client.length > 0 && Buffer.compare(answer.subarray(0, client.length), client) === 0;
  if (isPart)
    fail(name, "an error for the client", `a part of the response: ${shown(client)}`, cut);
}

function serverIsSilent(bench: Bench, { request, response, answer }: Exchange): void {
  const talk = bench.conversation({ plugin: HASTY });
  talk.send(request.bytes);
  const half = response.bytes.length >> 1;
  if (half === 0) return;
  talk.answer(response.bytes.subarray(0, half));
  talk.proxy.advance(LATE_MS);
  const { client, isClosed } = talk.visible();
  expectFailed(response, half, answer, client, isClosed);
}
