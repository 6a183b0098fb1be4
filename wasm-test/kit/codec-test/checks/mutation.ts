// Attributes that a route sets, adds and removes.
import { type Bench, type Check, NotApplicable, plural } from "../check.js";
import type { CapturedFrame } from "../captures.js";
import type { Exchange } from "../conversation.js";
import { expectBytes, fail, firstDifference, shown } from "../failure.js";
import { SERVICE } from "../proxy.js";
import { isMatched } from "./attributes.js";

const KEY = "x-kit";
const SHORT = "v";
const VALUES = [SHORT, "w".repeat(300), "z".repeat(4_000)];

type Operation = "SET" | "ADD_IF_ABSENT" | "REMOVE";

export const mutations: Check = {
  name: "mutation round trip",
  run: (bench) => {
    const requests = bench.framesOf("client", "request", "oneway");
    let mutated = 0;
    bench.each(requests, (frame) => {
      const trip = new RoundTrip(frame, (bytes, operation, value) =>
        mutateRequest(bench, bytes, operation, value),
      );
      if (!trip.run()) return;
      mutated++;
      expectRequestSound(bench, frame, trip.longest);
    });
    bench.each(bench.exchanges, (exchange) => {
      const trip = new RoundTrip(exchange.response, (bytes, operation, value) =>
        mutateResponse(bench, exchange, bytes, operation, value),
      );
      if (trip.run()) mutated++;
    });
    if (mutated === 0) throw new NotApplicable("no frame has a place for what a mutation sets");
    const total = requests.length + bench.exchanges.length;
    return `${mutated} of ${plural(total, "message")} have a place for it; values of 1 to 4,000 bytes`;
  },
};

interface Mutated {
  readonly bytes: Uint8Array;
  readonly isSkipped: boolean;
}

type Mutate = (bytes: Uint8Array, operation: Operation, value?: string) => Mutated;

/** Sets, and sets back. */
class RoundTrip {
  /** With the longest value that has found a place. */
  longest: Uint8Array = new Uint8Array(0);

  constructor(
    private readonly frame: CapturedFrame,
    private readonly mutate: Mutate,
  ) {}

  /** @returns false: the frame has no place for it. */
  run(): boolean {
    const { name } = this.frame;
    const bytes = this.mutate(this.frame.bytes, "REMOVE").bytes;
    if (this.frame.kind !== "response")
      expectBytes(name, "without a key that it has not, it is", this.frame.bytes, bytes);
    let isMutable = false;
    for (const value of VALUES) isMutable = this.#setAndRemove(bytes, value) || isMutable;
    return isMutable;
  }

  #setAndRemove(bytes: Uint8Array, value: string): boolean {
    const { name } = this.frame;
    const what = `with ${KEY} of ${value.length} bytes`;
    const set = this.mutate(bytes, "SET", value);
    if (set.isSkipped) {
      expectBytes(name, `${what}, for which it has no place, it is`, bytes, set.bytes);
      return false;
    }
    if (firstDifference(bytes, set.bytes) === undefined)
      fail(name, `${what}, another frame, or that it was left out`, "the same frame");
    const kept = this.mutate(set.bytes, "ADD_IF_ABSENT", "other").bytes;
    expectBytes(name, `${what}, which is not added twice, it is`, set.bytes, kept);
    const removed = this.mutate(set.bytes, "REMOVE").bytes;
    const again = this.mutate(removed, "SET", value).bytes;
    expectBytes(name, `${what}, removed and set again, it is`, set.bytes, again);
    const gone = this.mutate(removed, "REMOVE").bytes;
    expectBytes(name, "without it, it is", removed, gone);
    if (removed.length > bytes.length + KEY.length)
      fail(name, `${what}, which is removed: ${shown(bytes)}`, shown(removed));
    this.longest = set.bytes;
    return true;
  }
}

/** What is set can be routed by, and nothing else has changed. */
function expectRequestSound(bench: Bench, frame: CapturedFrame, bytes: Uint8Array): void {
  const { name } = frame;
  if (!isMatched(bench, { bytes }, { name: KEY, present: true }))
    fail(name, `the attribute ${KEY} that was set`, "it is not found");
  const short = mutateRequest(bench, frame.bytes, "SET", SHORT);
  if (!short.isSkipped && !isMatched(bench, short, { name: KEY, exact: SHORT }))
    fail(name, `${KEY}: ${SHORT}`, "another value");
  for (const [attribute, value] of Object.entries(frame.attributes)) {
    if (value !== null && !isMatched(bench, { bytes }, { name: attribute, exact: value }))
      fail(name, `${attribute}: ${value}, beside ${KEY}`, "not this value");
  }
  const twice = Buffer.concat([bytes, bytes]);
  const { server } = bench.conversation().send(twice);
  // Where a server works on one request at a time, the second may come on another connection.
  expectBytes(name, "twice in one go, the server gets", twice, server);
}

function routes(field: string, operation: Operation, value: string | undefined): object[] {
  const mutation = { operation, key: KEY, ...(value !== undefined && { value }) };
  return [{ destinations: [{ cluster: SERVICE }], [field]: [mutation] }];
}

function mutateRequest(
  bench: Bench,
  bytes: Uint8Array,
  operation: Operation,
  value?: string,
): Mutated {
  const talk = bench.conversation({ routes: routes("requestMutation", operation, value) });
  const { server } = talk.send(bytes);
  return { bytes: server, isSkipped: (talk.proxy.stat("mutation_skipped") ?? 0) > 0 };
}

function mutateResponse(
  bench: Bench,
  { request }: Exchange,
  bytes: Uint8Array,
  operation: Operation,
  value?: string,
): Mutated {
  const talk = bench.conversation({ routes: routes("responseMutation", operation, value) });
  talk.send(request.bytes);
  const { client } = talk.answer(bytes);
  return { bytes: client, isSkipped: (talk.proxy.stat("mutation_skipped") ?? 0) > 0 };
}
