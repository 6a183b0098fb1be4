// Dubbo clients and providers over wires, for scenarios.
import {
  dubboRequest,
  dubboResponse,
  valueBody,
  type DubboHeader,
  type DubboRequest,
} from "../../envoy/support/dubbo-wire.js";
import { DubboReader } from "../dubbo-stream.js";
import type { Endpoint, Network, Wire, World } from "./network.js";

export interface ReceivedRequest {
  readonly wire: Wire;
  readonly frame: DubboHeader;
}

/** A provider that keeps what it gets, and answers with its name unless told otherwise. */
export class DubboProvider {
  readonly requests: ReceivedRequest[] = [];
  /** Heartbeats and other events. */
  readonly events: ReceivedRequest[] = [];
  /** False: requests are kept for the scenario to answer. */
  answers = true;
  readonly #readers = new Map<Wire, DubboReader>();

  private constructor(
    readonly name: string,
    readonly endpoint: Endpoint,
  ) {}

  static async start(world: World, name: string): Promise<DubboProvider> {
    const created: { provider?: DubboProvider } = {};
    const endpoint = await world.endpoint((wire, bytes) => created.provider?.receive(wire, bytes));
    const provider = new DubboProvider(name, endpoint);
    created.provider = provider;
    return provider;
  }

  reply({ wire, frame }: ReceivedRequest, value = this.name): void {
    wire.write(dubboResponse(frame.id, valueBody(value)));
  }

  private receive(wire: Wire, bytes: Buffer): void {
    let reader = this.#readers.get(wire);
    if (reader === undefined) {
      reader = new DubboReader();
      this.#readers.set(wire, reader);
    }
    for (const frame of reader.push(bytes)) {
      const request = { wire, frame };
      (frame.isEvent ? this.events : this.requests).push(request);
      if (this.answers && frame.isTwoWay && !frame.isEvent) this.reply(request);
    }
  }
}

/** A client that sends requests and collects responses by id. */
export class DubboConsumer {
  readonly responses = new Map<bigint, DubboHeader[]>();

  private constructor(
    readonly wire: Wire,
    private readonly network: Network,
  ) {}

  static async connect(network: Network): Promise<DubboConsumer> {
    const reader = new DubboReader();
    const created: { consumer?: DubboConsumer } = {};
    const wire = await network.connect((_, bytes) => {
      for (const frame of reader.push(bytes)) created.consumer?.keep(frame);
    });
    const consumer = new DubboConsumer(wire, network);
    created.consumer = consumer;
    return consumer;
  }

  send(request: DubboRequest): void {
    this.wire.write(dubboRequest(request));
  }

  /** Sends a request and awaits its response. */
  async call(request: DubboRequest): Promise<DubboHeader> {
    this.send(request);
    return this.response(request.id);
  }

  /** Awaits the response to `id`. @throws Error when there is more than one. */
  async response(id: bigint): Promise<DubboHeader> {
    await this.network.until(`a response to ${String(id)}`, () => this.responses.has(id));
    const [first, second] = this.responses.get(id) ?? [];
    if (first === undefined || second !== undefined) {
      throw new Error(`two responses to ${String(id)}`);
    }
    return first;
  }

  private keep(frame: DubboHeader): void {
    const list = this.responses.get(frame.id) ?? [];
    list.push(frame);
    this.responses.set(frame.id, list);
  }
}

/** The text in a response: a value shorter than 32, or the message of an error the proxy made. */
export function dubboText({ status, body }: DubboHeader): string {
  const text = body.toString("latin1");
  const local = /metaproto: [ -~]*/.exec(text)?.[0];
  if (local !== undefined) return `${String(status)} ${local}`;
  return text.slice(2, 2 + body.readUInt8(1));
}
