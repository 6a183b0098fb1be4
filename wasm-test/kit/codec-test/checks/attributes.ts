// What routes and policies are told of messages.
import { type Bench, type Check, NotApplicable, plural } from "../check.js";
import type { CapturedFrame } from "../captures.js";
import { Conversation, type Exchange } from "../conversation.js";
import { fail } from "../failure.js";
import { OTHER, SERVICE } from "../proxy.js";

/** A retry waits for less. */
const RETRY_MS = 2_000;

export const attributes: Check = {
  name: "attributes",
  run: (bench) => {
    const frames = bench.framesOf("client", "request", "oneway");
    let count = 0;
    bench.each(frames, (frame) => {
      for (const [name, value] of Object.entries(frame.attributes)) {
        expectAttribute(bench, frame, name, value);
        count++;
      }
    });
    if (count === 0) throw new NotApplicable("captures.yaml names no attribute");
    return `${plural(count, "value")} of requests, each by a route`;
  },
};

type Match = Readonly<Record<string, unknown>>;

function expectAttribute(
  bench: Bench,
  frame: CapturedFrame,
  name: string,
  value: string | null,
): void {
  const isPresent = isMatched(bench, frame, { name, present: true });
  if (value === null) {
    if (isPresent) fail(frame.name, `no attribute ${name}`, "it has one");
  } else if (!isPresent) {
    fail(frame.name, `${name}: ${value}`, "it has no such attribute");
  } else if (!isMatched(bench, frame, { name, exact: value })) {
    fail(frame.name, `${name}: ${value}`, "another value");
  }
}

/** Whether a route with this match takes the request. */
export function isMatched(bench: Bench, { bytes }: { readonly bytes: Uint8Array }, match: Match) {
  const { proxy } = bench.conversation({
    routes: [
      { match: [match], destinations: [{ cluster: OTHER }] },
      { destinations: [{ cluster: SERVICE }] },
    ],
  });
  proxy.send(proxy.connect(), bytes);
  return proxy.other.take().length > 0;
}

export const statuses: Check = {
  name: "results",
  run: (bench) => {
    const known = bench.exchanges.filter(({ response }) => response.status !== undefined);
    if (known.length === 0) throw new NotApplicable("captures.yaml says no status");
    expectRetries(bench);
    bench.each(known, (exchange) => {
      const { name, status, bytes } = exchange.response;
      const seen = isError(bench, exchange, bytes) ? "error" : "ok";
      if (seen !== status) fail(name, `status: ${status ?? ""}`, seen);
    });
    return `${plural(known.length, "response")}, told apart by what a retry policy makes of them`;
  },
};

/** @throws NotApplicable */
export function expectRetries({ mode }: Bench): void {
  if (mode === "dedicated")
    throw new NotApplicable("requests of connections of one's own are not sent again");
}

/** Whether the proxy takes these bytes for an error: it sends the request again. */
export function isError(bench: Bench, { request }: Exchange, answer: Uint8Array): boolean {
  const talk = new Conversation(
    bench.proxy({
      routes: [
        {
          destinations: [{ cluster: SERVICE }],
          retryPolicy: { attempts: 1, retryOn: ["SERVER_ERROR", "BUSINESS_ERROR"] },
        },
      ],
    }),
  );
  talk.send(request.bytes);
  talk.answer(answer);
  talk.proxy.advance(RETRY_MS);
  return talk.visible().server.length > 0;
}
