// What tests ask of a client on an official library, the same for every protocol.
import { type WaitOptions, waitUntil } from "./deadline.js";
import { PeerFailure, type PeerProcess } from "./peer-process.js";

/** One call that returned. */
export interface CallResult {
  /** Large texts come as {"$string": length, "echoed": whether it equals the first argument}. */
  readonly value: unknown;
  /** Label of the server that answered; "none" when the answer does not tell. */
  readonly label: string;
  /** Attachments or headers of the response. */
  readonly attachments: Readonly<Record<string, unknown>>;
  readonly elapsedMs: number;
}

/** What came of a number of requests. Latencies are upper bounds within 1/32 of the value. */
export interface TrafficTally {
  readonly requests: number;
  readonly succeeded: number;
  readonly failed: number;
  /** By request name, then by the label of the server that answered. */
  readonly counts: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** By text, with varying numbers replaced by "#". */
  readonly errors: Readonly<Record<string, number>>;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** Since the start of the traffic. */
  readonly elapsedMs: number;
}

/** The first answer of a label to a request name since the last mark. */
export interface FirstAnswer {
  readonly name: string;
  readonly label: string;
  /** Wall clock of the machine, milliseconds since the epoch, with a fraction. */
  readonly atMs: number;
}

/** How many requests, how many of them at a time, and how fast. */
export interface BurstOptions {
  readonly count: number;
  /** Default 1. */
  readonly concurrency?: number;
  /** Requests per second; default as fast as answers come. */
  readonly rate?: number;
}

/** Answers by label, over all request names or those of one. */
export function answersByLabel(tally: TrafficTally, name?: string): Map<string, number> {
  const sums = new Map<string, number>();
  for (const [request, labels] of Object.entries(tally.counts)) {
    if (name !== undefined && name !== request) continue;
    for (const [label, count] of Object.entries(labels)) {
      sums.set(label, (sums.get(label) ?? 0) + count);
    }
  }
  return sums;
}

/** Traffic that goes on until it is stopped. */
export class Traffic {
  /** One tally per second so far, each over that second only. */
  readonly seconds: TrafficTally[] = [];
  private firsts: FirstAnswer[] = [];
  private readonly statsListeners: ((tally: TrafficTally) => void)[] = [];
  private readonly id: number;

  private constructor(private readonly process: PeerProcess) {
    this.id = process.subscribe((event) => {
      if (event.event === "stats") {
        const tally = event as unknown as TrafficTally;
        this.seconds.push(tally);
        for (const listener of this.statsListeners) listener(tally);
      } else if (event.event === "first") {
        this.firsts.push(event as unknown as FirstAnswer);
      }
    });
  }

  /** @internal Use the `traffic` method of a client. */
  static async start(process: PeerProcess, fields: object): Promise<Traffic> {
    const traffic = new Traffic(process);
    await process.request("traffic", fields, traffic.id);
    return traffic;
  }

  /** Calls `listener` once a second with what came of that second. */
  onSecond(listener: (tally: TrafficTally) => void): void {
    this.statsListeners.push(listener);
  }

  /** Forgets which labels were seen, so that `waitForFirst` waits anew. Returns the time, epoch ms. */
  async mark(): Promise<number> {
    const { atMs } = (await this.process.request("mark", { traffic: this.id })) as { atMs: number };
    this.firsts = this.firsts.filter((first) => first.atMs >= atMs);
    return atMs;
  }

  /** The first answer of each label to each request name since the last mark, as far as reported. */
  get firstAnswers(): readonly FirstAnswer[] {
    return this.firsts;
  }

  /** The first answer of `label` (to requests called `name`, if given) since the last mark. */
  waitForFirst(label: string, name?: string, options: WaitOptions = {}): Promise<FirstAnswer> {
    return waitUntil(
      `first answer of ${label}`,
      () =>
        this.firsts.find(
          (first) => first.label === label && (name === undefined || first.name === name),
        ),
      options,
    );
  }

  /** Lets no further request leave, waits for every answer, and returns the tally of all of them. */
  async stop(): Promise<TrafficTally> {
    const tally = (await this.process.request("stop", { traffic: this.id })) as TrafficTally;
    this.process.unsubscribe(this.id);
    return tally;
  }
}

/** A client process; `Target` decides about its connections, `Request` is one call. */
export class PeerClient<Target extends object, Request extends object> {
  constructor(protected readonly process: PeerProcess) {}

  /** @throws PeerFailure with what the client's own code would have caught. */
  async call(target: Target, request: Request): Promise<CallResult> {
    return (await this.process.request("call", { ...target, ...request })) as CallResult;
  }

  /** The failure of a call that must fail. @throws Error when it returned. */
  async fail(target: Target, request: Request): Promise<PeerFailure> {
    let result: CallResult;
    try {
      result = await this.call(target, request);
    } catch (error) {
      if (error instanceof PeerFailure) return error;
      throw error;
    }
    throw new Error(`the call returned ${JSON.stringify(result)}`);
  }

  /** So many requests, taken from `requests` in turn. */
  async burst(
    target: Target,
    requests: readonly Request[],
    options: BurstOptions,
  ): Promise<TrafficTally> {
    const fields = { ...target, ...options, requests };
    return (await this.process.request("burst", fields)) as TrafficTally;
  }

  /** Requests in turn until `Traffic.stop`. @param rate requests per second, default unlimited */
  traffic(target: Target, requests: readonly Request[], rate?: number): Promise<Traffic> {
    const pace = rate === undefined ? {} : { rate };
    return Traffic.start(this.process, { ...target, ...pace, requests });
  }

  /** Closes all its connections to a port. */
  async close(port: number): Promise<void> {
    await this.process.request("close", { port });
  }

  /** Kills the process. */
  stop(): Promise<void> {
    return this.process.stop();
  }
}

/** What a server has seen, by its label. */
export type ServerStatistics = Readonly<
  Record<string, { readonly calls: Readonly<Record<string, number>>; readonly fired: string[] }>
>;

/** A call that a server leaves to the test. */
export interface RelayedCall {
  readonly argument: string;
  /** Attachments or headers of the request. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** A server process with one or more endpoints, each with a label and a port. */
export class PeerServer {
  constructor(
    private readonly process: PeerProcess,
    private readonly ports: ReadonlyMap<string, number>,
  ) {}

  /** Port of an endpoint. @throws Error when there is no such label. */
  port(label: string): number {
    const port = this.ports.get(label);
    if (port === undefined) throw new Error(`no endpoint ${label}`);
    return port;
  }

  get pid(): number {
    return this.process.pid;
  }

  async statistics(): Promise<ServerStatistics> {
    return (await this.process.request("statistics", {})) as ServerStatistics;
  }

  /**
   * Has `answer` decide what an endpoint says to calls of `sayHello` (Dubbo) or `hello` (Thrift, in Python), so
   * that it can call others before. A call fails after 10 s without an answer.
   */
  async relay(label: string, answer: (call: RelayedCall) => Promise<string>): Promise<void> {
    const id = this.process.subscribe(({ call, argument, metadata }) => {
      const told = answer({ argument, metadata } as RelayedCall);
      void told
        .catch((error: unknown) => `failed: ${String(error)}`)
        .then((value) => this.process.request("tell", { label, call, value }));
    });
    await this.process.request("relay", { label }, id);
  }

  /** Kills the process, as a crash would. */
  stop(): Promise<void> {
    return this.process.stop();
  }

  /** Ends it by SIGTERM; a Dubbo provider announces that to its consumers and takes seconds. */
  stopGracefully(): Promise<void> {
    return this.process.stop("SIGTERM");
  }
}
