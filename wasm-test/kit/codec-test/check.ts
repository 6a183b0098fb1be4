// A check, and what it works with.
import type { CapturedFrame, Captures } from "./captures.js";
import { Conversation, type Exchange, unchangedIds } from "./conversation.js";
import { CheckFailure, type Failure } from "./failure.js";
import type { Proxy, ProxyOptions } from "./proxy.js";
import type { Mode, Subject } from "./subject.js";

/** Thrown by a check that makes no sense for this protocol, or these captures. */
export class NotApplicable extends Error {}

const NO_EXCHANGE = "there is no request with a response";

export interface Check {
  readonly name: string;
  /** Returns how much was done. @throws CheckFailure, NotApplicable */
  readonly run: (bench: Bench) => string;
}

export interface BenchOptions {
  readonly subject: Subject;
  readonly captures: Captures;
  readonly mode: Mode;
  readonly exchanges: readonly Exchange[];
  readonly inputs: number;
  readonly seed: number;
}

/** What checks have in common. */
export class Bench {
  readonly subject: Subject;
  readonly captures: Captures;
  readonly mode: Mode;
  /** Every request with its answer, and every other response with a request. */
  readonly exchanges: readonly Exchange[];
  readonly inputs: number;
  readonly seed: number;
  readonly #failures: Failure[] = [];

  constructor(options: BenchOptions) {
    this.subject = options.subject;
    this.captures = options.captures;
    this.mode = options.mode;
    this.exchanges = options.exchanges;
    this.inputs = options.inputs;
    this.seed = options.seed;
  }

  /** A proxy in which requests reach the server byte for byte. */
  proxy(options: ProxyOptions = {}): Proxy {
    return this.subject.start({ ...unchangedIds(this.mode), ...options });
  }

  conversation(options: ProxyOptions = {}): Conversation {
    return new Conversation(this.proxy(options));
  }

  /** What any request is tried with: the first exchange, or of the same client as `request`. */
  get usual(): Exchange {
    const [first] = this.exchanges;
    if (first === undefined) throw new NotApplicable(NO_EXCHANGE);
    return first;
  }

  /** @throws NotApplicable when no request has a response. */
  needExchange(): void {
    if (this.exchanges.length === 0) throw new NotApplicable(NO_EXCHANGE);
  }

  framesOf(side: CapturedFrame["from"], ...kinds: readonly CapturedFrame["kind"][]) {
    const { frames } = this.captures;
    return frames.filter(({ from, kind }) => from === side && kinds.includes(kind));
  }

  /** Runs `run` for each item; what fails is kept, and the next one comes. */
  each<T>(items: readonly T[], run: (item: T) => void): void {
    for (const item of items) this.attempt(() => run(item));
  }

  attempt(run: () => void): void {
    try {
      run();
    } catch (error) {
      if (!(error instanceof CheckFailure)) throw error;
      this.#failures.push(error.failure);
    }
  }

  keep(failure: Failure): void {
    this.#failures.push(failure);
  }

  /** What was kept since it was last asked. */
  takeFailures(): readonly Failure[] {
    return this.#failures.splice(0);
  }
}

const MOST_CUTS = 1_500;

/**
 * Places between bytes: all of them, but of a frame with more than `most` bytes those at its ends and some in between.
 */
export function cutsOf(length: number, most = MOST_CUTS): number[] {
  const head = Math.floor(most * 0.7);
  const tail = length - Math.floor(most * 0.1);
  const stride = length <= most ? 1 : Math.ceil((tail - head) / Math.floor(most * 0.2));
  const cuts: number[] = [];
  for (let cut = 1; cut < length;) {
    cuts.push(cut);
    cut += cut < head || cut >= tail ? 1 : stride;
  }
  return cuts;
}

export function plural(count: number, noun: string): string {
  return `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
}
