// Where frames end, whatever reads they come in.
import { type Bench, type Check, cutsOf, NotApplicable, plural } from "../check.js";
import type { CapturedFrame } from "../captures.js";
import { type Conversation, type Exchange, expectNothing, NOTHING } from "../conversation.js";
import { expectBytes, fail } from "../failure.js";
import type { Arrival } from "../proxy.js";

const WHEN = "before the frame is whole";

export const splits: Check = {
  name: "splits at every byte",
  run: (bench) => {
    let cuts = 0;
    bench.each(bench.captures.frames, (frame) => {
      const splitter = new Splitter(bench, frame);
      for (const cut of cutsOf(frame.bytes.length)) {
        splitter.try([cut, frame.bytes.length - cut], cut);
        cuts++;
      }
      splitter.try(
        Array.from(frame.bytes, () => 1),
        frame.bytes.length - 1,
      );
    });
    const frames = plural(bench.captures.frames.length, "frame");
    return `${frames}, ${plural(cuts, "cut")}, and byte by byte`;
  },
};

/** Sends one frame in parts, again and again. */
class Splitter {
  readonly #conversation: Conversation;
  readonly #exchange: Exchange;
  #reply: Uint8Array | undefined;

  constructor(
    private readonly bench: Bench,
    private readonly frame: CapturedFrame,
  ) {
    this.#conversation = bench.conversation();
    const own = bench.exchanges.find(
      ({ request, response }) => request === frame || response === frame,
    );
    this.#exchange = own ?? bench.usual;
  }

  /** In reads of these sizes; before the last `cut` bytes have come. */
  try(sizes: readonly number[], cut: number): void {
    this.#conversation.reopen();
    if (this.frame.from === "client") this.#fromClient(sizes, cut);
    else this.#fromServer(sizes, cut);
  }

  #fromClient(sizes: readonly number[], cut: number): void {
    const { frame } = this;
    const talk = this.#conversation;
    const head = frame.bytes.subarray(0, cut);
    expectNothing(frame.name, WHEN, talk.send(head, sizes), cut);
    const { server, client } = talk.send(frame.bytes.subarray(cut));
    const passes = isPassedOn(frame, this.bench.mode);
    expectBytes(
      frame.name,
      `cut at ${cut}, the server gets`,
      passes ? frame.bytes : NOTHING,
      server,
    );
    if (frame.kind === "heartbeat" && !passes) this.#expectReply(client, cut);
    else expectBytes(frame.name, `cut at ${cut}, the client gets`, NOTHING, client);
    if (frame.kind !== "request") {
      this.#expectNext(cut);
      return;
    }
    const { response, answer } = this.#exchange;
    if (this.#exchange.request !== frame) return;
    expectBytes(frame.name, "the client gets", answer, talk.answer(response.bytes).client);
  }

  #fromServer(sizes: readonly number[], cut: number): void {
    const { frame } = this;
    const talk = this.#conversation;
    const { request, response, answer } = this.#exchange;
    expectBytes(request.name, "the server gets", request.bytes, talk.send(request.bytes).server);
    let at = 0;
    for (const size of sizes) {
      if (at >= cut) break;
      expectNothing(frame.name, WHEN, talk.answer(frame.bytes.subarray(at, at + size)), at + size);
      at += size;
    }
    const { client, server } = talk.answer(frame.bytes.subarray(at));
    if (frame === response) {
      expectBytes(frame.name, `cut at ${cut}, the client gets`, answer, client);
      return;
    }
    const passes = isPassedOn(frame, this.bench.mode);
    expectBytes(
      frame.name,
      `cut at ${cut}, the client gets`,
      passes ? frame.bytes : NOTHING,
      client,
    );
    if (frame.kind === "heartbeat") this.#expectReply(server, cut);
    const next = talk.answer(response.bytes).client;
    expectBytes(frame.name, `cut at ${cut}, the response behind it is`, answer, next);
  }

  /** A heartbeat is answered, and always alike. */
  #expectReply(reply: Uint8Array, cut: number): void {
    if (reply.length === 0) fail(this.frame.name, "an answer to the heartbeat", "nothing", cut);
    this.#reply ??= reply;
    expectBytes(this.frame.name, `cut at ${cut}, the answer is`, this.#reply, reply);
  }

  /** What follows is understood: the frame ended where it ends. */
  #expectNext(cut: number): void {
    const talk = this.#conversation;
    if (talk.client.closed) return;
    const { request, response, answer } = this.bench.usual;
    const { server } = talk.send(request.bytes);
    const { name } = this.frame;
    expectBytes(name, `cut at ${cut}, the request behind it is`, request.bytes, server);
    expectBytes(name, "its answer is", answer, talk.answer(response.bytes).client);
  }
}

/** Where a client has a server connection of its own, the two get to see more of each other. */
function isPassedOn({ kind, from }: CapturedFrame, mode: string): boolean {
  if (kind === "request" || kind === "oneway") return true;
  if (from === "server" && kind === "response") return true;
  return mode === "dedicated" && kind !== "event" && kind !== "heartbeat";
}

const MOST_TOGETHER = 20;
const CHUNKS = [1, 2, 3, 7, 16, 61, 500];

export const coalesced: Check = {
  name: "coalesced frames",
  run: (bench) => {
    const frames = bench.framesOf("client", "request", "oneway", "heartbeat", "event", "stream");
    const answered = new Set(bench.exchanges.map(({ request }) => request));
    const usable = frames.filter((frame) => frame.kind !== "request" || answered.has(frame));
    if (usable.length < 2) throw new NotApplicable("there is one frame of clients only");
    const total = usable.reduce((sum, { bytes }) => sum + bytes.length, 0);
    bench.each([...CHUNKS, total], (size) => coalesceRequests(bench, usable, size));
    bench.each([...CHUNKS, total], (size) => coalesceResponses(bench, size));
    const sizes = CHUNKS.length + 1;
    return `${plural(usable.length, "frame")} in one go, in reads of ${sizes} sizes, and their answers`;
  },
};

/** All frames of clients, one behind the other; the server answers each as soon as it has it. */
function coalesceRequests(bench: Bench, frames: readonly CapturedFrame[], size: number): void {
  const talk = bench.conversation();
  const { proxy } = talk;
  const arrivals = new Arrivals();
  talk.client.send(Buffer.concat(frames.map(({ bytes }) => bytes)), [size]);
  proxy.run();
  const answers: Uint8Array[] = [];
  for (const { name, kind, bytes } of frames.filter((frame) => isPassedOn(frame, bench.mode))) {
    arrivals.add(proxy.service.arrivals());
    const { connection, head } = arrivals.take(bytes);
    expectBytes(name, `in reads of ${size}, the server gets`, bytes, head);
    const exchange = bench.exchanges.find(({ request }) => request.name === name);
    if (kind !== "request" || exchange === undefined || connection === undefined) continue;
    answers.push(exchange.answer);
    proxy.write(connection, exchange.response.bytes);
  }
  const expected = Buffer.concat(answers);
  const { client } = talk.visible();
  // What heartbeats are answered with comes before.
  const tail = client.subarray(Math.max(0, client.length - expected.length));
  const hasHeartbeat = frames.some(({ kind }) => kind === "heartbeat");
  expectBytes("all frames", "the client gets", expected, hasHeartbeat ? tail : client);
}

/** What has come to a server, to be taken frame by frame. */
class Arrivals {
  #waiting: Arrival[] = [];

  add(arrivals: readonly Arrival[]): void {
    this.#waiting.push(...arrivals);
  }

  /**
   * As many bytes as the frame has, of the connection that has it; of none: of the one that was written to first.
   * Where requests get connections of their own, those that were open come first.
   */
  take(frame: Uint8Array): Taken {
    const pending = new Map<Arrival["connection"], Buffer>();
    for (const { connection, bytes } of this.#waiting)
      pending.set(connection, Buffer.concat([pending.get(connection) ?? NOTHING, bytes]));
    const begins = [...pending].find(([, bytes]) => bytes.indexOf(frame) === 0);
    const [connection, bytes = NOTHING] = begins ?? [...pending][0] ?? [];
    if (connection !== undefined)
      pending.set(connection, Buffer.from(bytes.subarray(frame.length)));
    this.#waiting = [...pending].map(([of, rest]) => ({ connection: of, bytes: rest }));
    this.#waiting = this.#waiting.filter((arrival) => arrival.bytes.length > 0);
    return { connection, head: bytes.subarray(0, frame.length) };
  }
}

interface Taken {
  readonly connection: Arrival["connection"] | undefined;
  readonly head: Uint8Array;
}

/** All answers at once, behind one another. */
function coalesceResponses(bench: Bench, size: number): void {
  if (bench.mode === "exclusive") return;
  const talk = bench.conversation();
  const usable: Exchange[] = [];
  for (const exchange of bench.exchanges.slice(0, MOST_TOGETHER)) {
    // One that has to wait for the answers to those before it ends the list.
    if (talk.send(exchange.request.bytes).server.length === 0) break;
    usable.push(exchange);
  }
  const responses = Buffer.concat(usable.map(({ response }) => response.bytes));
  const answers = Buffer.concat(usable.map(({ answer }) => answer));
  const { client } = talk.answer(responses, size);
  expectBytes("all responses", `in reads of ${size}, the client gets`, answers, client);
}
