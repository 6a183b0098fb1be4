// Runs a fuzz target; what fails is made again, made smaller, and told.
import { readInputs } from "./corpus-file.js";
import { type FuzzExports, type FuzzModule, instantiateFuzz } from "./fuzz-module.js";
import { minimise } from "./minimise.js";
import type { Span } from "./structure/span.js";
import type { FuzzTarget } from "./targets.js";

const SPAN_WORDS = 4;
/** Inputs of one call into the module. */
const BATCH = 50_000;

/** An input that broke a rule; the message names the rule and the input. */
export class FuzzFailure extends Error {}

/** What the target's own words for inputs are worth: accepted, refused, and two of its own. */
export interface FuzzCounts {
  readonly inputs: number;
  readonly verdicts: readonly number[];
  readonly worstStepsPerByte: number;
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const reason = error.message.replace(/^abort: /, "").replace(/ at .*:\d+:\d+$/, "");
  return reason === "unreachable" ? "takes more steps than its length allows" : reason;
}

export class FuzzRunner {
  private count = 0;

  private constructor(
    readonly target: FuzzTarget,
    private readonly compiled: FuzzModule,
    readonly corpus: Uint8Array[],
    readonly exports: FuzzExports,
  ) {}

  /** With the seeds and the corpus of the repository. */
  static async create(target: FuzzTarget, compiled: FuzzModule): Promise<FuzzRunner> {
    const corpus = [...target.seeds(), ...readInputs("corpus", target.name)];
    return FuzzRunner.createWith(target, compiled, corpus);
  }

  /** `corpus` begins with the target's seeds. */
  static async createWith(
    target: FuzzTarget,
    compiled: FuzzModule,
    corpus: Uint8Array[],
  ): Promise<FuzzRunner> {
    const exports = await instantiateFuzz(compiled.module);
    const runner = new FuzzRunner(target, compiled, corpus, exports);
    const configuration = target.configuration?.();
    if (configuration !== undefined) {
      exports.configure?.(runner.put(configuration), configuration.length);
    }
    for (const token of target.tokens) exports.addToken(runner.put(token), token.length);
    const seeds = target.seeds().length;
    corpus.forEach((input, index) => {
      runner.insert(input);
      if (index + 1 === seeds) exports.endSeeds();
    });
    exports.setStepsPerStep(compiled.stepsPerStep);
    exports.open();
    return runner;
  }

  private put(bytes: Uint8Array): number {
    const ptr = this.exports.reserve(Math.max(bytes.length, 1));
    new Uint8Array(this.exports.memory.buffer).set(bytes, ptr);
    return ptr;
  }

  private insert(bytes: Uint8Array): boolean {
    if (bytes.length > this.exports.maxInputBytes()) throw new Error("a seed that is too long");
    const spans = this.target.spans(bytes);
    const words = Uint32Array.from(spans.flatMap(wordsOf));
    const ptr = this.put(new Uint8Array(words.buffer));
    return this.exports.addEntry(this.put(bytes), bytes.length, ptr, spans.length) !== 0;
  }

  /** One more input to make others from. */
  add(bytes: Uint8Array): void {
    if (!this.insert(bytes)) return;
    this.corpus.push(bytes);
    this.exports.open();
  }

  /** The input that the module ran last. */
  input(): Uint8Array {
    const { memory, inputLen } = this.exports;
    const length = Number(inputLen.value);
    return new Uint8Array(memory.buffer, this.exports.inputPtr(), length).slice();
  }

  /** Makes an input without running it. */
  make(seed: number, index: number): Uint8Array {
    this.exports.make(seed, index);
    return this.input();
  }

  /** Makes and runs inputs `first` to `first + count` of `seed`; throws a FuzzFailure. */
  async run(seed: number, first: number, count: number): Promise<void> {
    for (let at = 0; at < count; at += BATCH) {
      const size = Math.min(BATCH, count - at);
      await this.orFail(() => {
        this.exports.run(seed, first + at, size);
      });
      this.count += size;
    }
  }

  /** Runs one input, in both places; throws a FuzzFailure. */
  async runInput(bytes: Uint8Array): Promise<void> {
    await this.orFail(() => {
      this.show(bytes);
    });
    this.count++;
  }

  /** Runs one input; true when it reaches a branch that none did before. */
  runForNews(bytes: Uint8Array): boolean {
    this.give(bytes);
    return this.exports.runForNews() !== 0;
  }

  /** Runs inputs until one reaches a new branch; returns how many, and the one. */
  async runUntilNew(seed: number, first: number, count: number): Promise<number> {
    let done = 0;
    await this.orFail(() => {
      done = this.exports.runUntilNew(seed, first, count);
    });
    this.count += done;
    return done;
  }

  counts(): FuzzCounts {
    const verdicts = [0, 1, 2, 3].map((verdict) => this.exports.verdictCount(verdict));
    const worstStepsPerByte = this.exports.worstStepsPerKilobyte() / 1000;
    return { inputs: this.count, verdicts, worstStepsPerByte };
  }

  private give(bytes: Uint8Array): void {
    const limit = this.exports.maxInputBytes();
    if (bytes.length > limit) throw new Error(`an input of more than ${limit} bytes`);
    // The input is made where the module makes them.
    const ptr = this.exports.inputPtr();
    new Uint8Array(this.exports.memory.buffer).set(bytes, ptr);
    this.exports.take(ptr, bytes.length);
  }

  private show(bytes: Uint8Array): void {
    this.give(bytes);
    this.exports.compareElsewhere(this.exports.runInput());
  }

  private async orFail(run: () => void): Promise<void> {
    try {
      run();
    } catch (error) {
      throw await this.failure(reasonOf(error));
    }
  }

  /** The failure with the smallest input that fails for the same reason in a new instance. */
  private async failure(reason: string): Promise<FuzzFailure> {
    const input = this.input();
    const number = this.exports.currentInput();
    const fails = async (bytes: Uint8Array) => {
      const runner = await FuzzRunner.createWith(this.target, this.compiled, this.corpus);
      try {
        runner.show(bytes);
        return false;
      } catch (error) {
        return reasonOf(error) === reason;
      }
    };
    const smallest = (await fails(input)) ? await minimise(input, fails) : undefined;
    const shown = Buffer.from(smallest ?? input).toString("hex");
    const how = smallest === undefined ? "only after the inputs before it" : "by itself";
    return new FuzzFailure(
      `${this.target.name}: ${reason}\ninput ${String(number)} fails ${how}:\n${shown}`,
    );
  }
}

function wordsOf({ start, end, length }: Span): number[] {
  const words = [start, end, length?.at ?? 0, length?.kind ?? 0];
  if (words.length !== SPAN_WORDS) throw new Error("a span of another size");
  return words;
}
