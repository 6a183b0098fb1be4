// Frames beyond `maxFrameBytes`.
import { type Bench, type Check, NotApplicable, plural } from "../check.js";
import { Conversation, type Exchange } from "../conversation.js";
import { expectBytes, fail, shown } from "../failure.js";
import type { CapturedFrame } from "../captures.js";
import { LINGER_MS } from "../timing.js";

export const oversize: Check = {
  name: "oversize",
  run: (bench) => {
    const requests = bench.framesOf("client", "request", "oneway");
    if (requests.length === 0) throw new NotApplicable("there is no request");
    const held: number[] = [];
    bench.each(requests, (frame) => {
      if (frame.bytes.length < 2) return;
      fits(bench, frame);
      held.push(refused(bench, frame));
    });
    const exchanges = bench.exchanges.filter(
      ({ request, response }) => response.bytes.length > request.bytes.length,
    );
    bench.each(exchanges, (exchange) => responseRefused(bench, exchange));
    const when = [...new Set([Math.min(...held), Math.max(...held)])].join(" to ");
    const frames = `${plural(requests.length, "request")}, ${plural(exchanges.length, "response")}`;
    return `${frames}; requests are refused after ${when} bytes`;
  },
};

function limited(bench: Bench, maxFrameBytes: number): Conversation {
  return bench.conversation({ plugin: { limits: { maxFrameBytes } } });
}

function fits(bench: Bench, { name, bytes }: CapturedFrame): void {
  const { server } = limited(bench, bytes.length).send(bytes);
  expectBytes(name, "a request of just the limit passes", bytes, server);
}

/** @returns how many bytes had come when it was refused. */
function refused(bench: Bench, { name, bytes }: CapturedFrame): number {
  const whole = limited(bench, bytes.length - 1);
  expectRefused(name, whole, whole.send(bytes).server);
  const slow = limited(bench, bytes.length - 1);
  for (let at = 0; at < bytes.length; at++) {
    const { server, client, isClosed } = slow.send(bytes.subarray(at, at + 1));
    if (server.length > 0) fail(name, "the server gets nothing", shown(server), at);
    if (client.length === 0 && !isClosed) continue;
    expectRefused(name, slow, server);
    return at + 1;
  }
  return fail(name, "it is refused when its last byte comes", "nothing", bytes.length);
}

function expectRefused(name: string, talk: Conversation, server: Uint8Array): void {
  if (server.length > 0) fail(name, "the server gets nothing of what is too large", shown(server));
  talk.proxy.advance(LINGER_MS);
  if (!talk.client.closed) fail(name, "the connection is closed", "it is open");
}

function responseRefused(bench: Bench, { request, response, answer }: Exchange): void {
  const talk = limited(bench, response.bytes.length - 1);
  talk.send(request.bytes);
  const { client, isClosed } = talk.answer(response.bytes);
  if (client.length === 0 && !isClosed)
    fail(response.name, "an error for the client, or its connection closes", "neither");
  if (client.length > 0 && Buffer.compare(answer.subarray(0, client.length), client) === 0)
    fail(response.name, "an error for the client", `the response: ${shown(client)}`);
}
