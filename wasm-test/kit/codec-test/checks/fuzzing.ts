// Damaged frames, from both sides, among connections that are sound.
import { type Bench, type Check, plural } from "../check.js";
import { Conversation, type Exchange, expectAlive } from "../conversation.js";
import { CheckFailure, expectBytes, fail } from "../failure.js";
import { Mutator } from "../mutator.js";
import type { Proxy } from "../proxy.js";
import { HASTY, LATE_MS } from "../timing.js";

/** Inputs of which clients are looked at together: settling them takes longer than making them. */
const BATCH = 40;
const SHOWN_INPUT_BYTES = 400;
const MIB = 1 << 20;
/** What the module may hold of frames that are not complete, and what may be lost between blocks of memory. */
const MEMORY_BYTES = 24 * MIB;
const LIMITS = { maxFrameBytes: MIB / 4, maxBufferedBytes: 8 * MIB };
/** For one input; a module takes some hundreds for a read, and some for a byte. */
const STEPS = 20_000_000;

export const fuzzing: Check = {
  name: "fuzzing",
  run: (bench) => {
    const run = new Run(bench);
    for (let first = 0; first < bench.inputs && !run.isOver; first += BATCH)
      run.batch(first, Math.min(first + BATCH, bench.inputs));
    run.end();
    const { inputs, seed } = bench;
    return `${plural(inputs, "input")}, seed ${seed}: ${run.summary}`;
  },
};

interface Tried {
  readonly talk: Conversation;
  readonly bytes: Uint8Array;
  readonly number: number;
}

type Verdict = "passed on" | "refused" | "waits";

class Run {
  readonly #proxy: Proxy;
  readonly #memoryBytes: number;
  readonly #counts: Record<Verdict, number> = { "passed on": 0, refused: 0, waits: 0 };
  readonly #ofClients: readonly Uint8Array[];
  readonly #ofServers: readonly Uint8Array[];
  /** The VM is gone. */
  isOver = false;

  constructor(private readonly bench: Bench) {
    this.#proxy = bench.proxy({ plugin: { ...HASTY, limits: LIMITS }, steps: STEPS });
    expectAlive(this.#proxy, bench.usual);
    this.#memoryBytes = this.#proxy.memoryBytes;
    const of = (side: "client" | "server"): Uint8Array[] =>
      bench.captures.frames.filter(({ from }) => from === side).map(({ bytes }) => bytes);
    this.#ofClients = of("client");
    this.#ofServers = of("server");
  }

  get summary(): string {
    const counts = Object.entries(this.#counts).map(([verdict, count]) => `${count} ${verdict}`);
    return counts.join(", ");
  }

  batch(first: number, end: number): void {
    const talks: Tried[] = [];
    for (let number = first; number < end && !this.isOver; number++) {
      const isOfClient = number % 3 !== 2;
      const frames = isOfClient ? this.#ofClients : this.#ofServers;
      const mutator = new Mutator(frames, this.bench.seed, number);
      const bytes = mutator.make();
      this.#attempt(number, bytes, () => {
        const talk = new Conversation(this.#proxy);
        talks.push({ talk, bytes, number });
        if (isOfClient) this.#fromClient(talk, bytes, mutator);
        else this.#fromServer(talk, bytes, mutator);
      });
    }
    this.#settleAll(talks, end - 1);
  }

  #settleAll(talks: readonly Tried[], last: number): void {
    if (this.isOver) return;
    for (const connection of this.#proxy.service.server.openConnections) connection.reset();
    const bytes = talks.at(-1)?.bytes ?? new Uint8Array(0);
    this.#attempt(last, bytes, () => {
      this.#proxy.advance(LATE_MS);
    });
    for (const tried of talks)
      this.#attempt(tried.number, tried.bytes, () => {
        this.#settle(tried.talk);
      });
  }

  end(): void {
    if (this.isOver) return;
    this.bench.attempt(() => expectAlive(this.#proxy, this.bench.usual));
    const grown = this.#proxy.memoryBytes - this.#memoryBytes;
    if (grown > MEMORY_BYTES)
      this.bench.keep({
        frame: "all inputs",
        expected: `at most ${MEMORY_BYTES / MIB} MiB of memory more`,
        seen: `${Math.ceil(grown / MIB)} MiB more`,
      });
  }

  #fromClient(talk: Conversation, bytes: Uint8Array, mutator: Mutator): void {
    this.#proxy.send(talk.client, bytes, mutator.sizes(bytes.length));
    const arrivals = this.#proxy.service.arrivals();
    const { client, isClosed } = talk.visible();
    if (arrivals.length > 0) this.#counts["passed on"]++;
    else this.#counts[isClosed || client.length > 0 ? "refused" : "waits"]++;
    for (const connection of new Set(arrivals.map((arrival) => arrival.connection))) {
      const own = arrivals.filter((arrival) => arrival.connection === connection);
      const got = Buffer.concat(own.map((arrival) => arrival.bytes));
      if (!isMadeOf(got, bytes)) this.#expectStable(got);
    }
    const { exchanges } = this.bench;
    const exchange = exchanges[mutator.below(exchanges.length)];
    if (arrivals.length > 0 && exchange !== undefined && mutator.below(4) > 0)
      talk.answer(exchange.response.bytes);
  }

  #fromServer(talk: Conversation, bytes: Uint8Array, mutator: Mutator): void {
    const { exchanges, usual } = this.bench;
    const { request }: Exchange = exchanges[mutator.below(exchanges.length)] ?? usual;
    if (talk.send(request.bytes).server.length === 0) return;
    const connection = this.#proxy.service.latest;
    let at = 0;
    for (const size of mutator.sizes(bytes.length)) {
      connection.write(bytes.subarray(at, at + size));
      at += size;
    }
    const { client, isClosed } = (this.#proxy.run(), talk.visible());
    this.#counts[client.length > 0 ? "passed on" : isClosed ? "refused" : "waits"]++;
  }

  /** What is written in another way than it came (a number with more digits than it needs) is so for good. */
  #expectStable(bytes: Uint8Array): void {
    const { server } = this.bench.conversation({ plugin: { limits: LIMITS } }).send(bytes);
    expectBytes("what the server got", "sent once more, it is", bytes, server);
  }

  /** After all time limits: its connection is closed, or takes a request. */
  #settle(talk: Conversation): void {
    talk.visible();
    if (talk.client.closed) return;
    const { request, response } = this.bench.usual;
    const { server, client, isClosed } = talk.send(request.bytes);
    if (server.length === 0 && client.length === 0 && !isClosed)
      fail("the client", "its connection is closed, or takes a request", "neither");
    if (server.length > 0) {
      const answered = talk.answer(response.bytes);
      if (answered.client.length === 0 && !answered.isClosed)
        fail("the client", "an answer", "nothing");
    }
    talk.client.close();
    this.#proxy.run();
  }

  #attempt(number: number, bytes: Uint8Array, run: () => void): void {
    if (this.isOver) return;
    try {
      run();
    } catch (error) {
      this.isOver = this.#proxy.host.vm.failure !== undefined;
      if (!(error instanceof CheckFailure)) throw error;
      const { expected, seen } = error.failure;
      const hex = Buffer.from(bytes.subarray(0, SHOWN_INPUT_BYTES)).toString("hex");
      const more = bytes.length > SHOWN_INPUT_BYTES ? "..." : "";
      const frame = `input ${number} of seed ${this.bench.seed}, ${hex}${more}`;
      this.bench.keep({ frame, expected, seen });
    }
  }
}

/** Whether bytes are parts of others, in their order; each begins where the longest one before it ends. */
function isMadeOf(bytes: Uint8Array, whole: Uint8Array): boolean {
  const source = Buffer.from(whole);
  let at = 0;
  let from = 0;
  while (at < bytes.length) {
    const found = longestPart(bytes, at, source, from);
    if (found.length < Math.min(4, bytes.length - at)) return false;
    at += found.length;
    from = found.end;
  }
  return true;
}

function longestPart(
  bytes: Uint8Array,
  at: number,
  source: Buffer,
  from: number,
): { readonly length: number; readonly end: number } {
  let best = { length: 0, end: from };
  const head = Buffer.from(bytes.subarray(at, at + 4));
  for (
    let start = source.indexOf(head, from);
    start >= 0;
    start = source.indexOf(head, start + 1)
  ) {
    let length = 0;
    while (at + length < bytes.length && bytes[at + length] === source[start + length]) length++;
    if (length > best.length) best = { length, end: start + length };
    if (at + length === bytes.length) break;
  }
  return best;
}
