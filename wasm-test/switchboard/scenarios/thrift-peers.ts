// Thrift clients and servers over wires, for scenarios.
import {
  MessageType,
  type ThriftMessage,
  type ThriftWire,
} from "../../envoy/support/thrift-wire.js";
import { answerText, callFrame, replyFrame, type CallOptions } from "../thrift-messages.js";
import { detectWire, ThriftReader } from "../thrift-stream.js";
import type { Endpoint, Network, Wire, World } from "./network.js";

export interface ReceivedCall {
  readonly wire: Wire;
  readonly thrift: ThriftWire;
  readonly message: ThriftMessage;
}

/** A server that keeps what it gets, and answers with its name unless told otherwise. */
export class ThriftServer {
  readonly calls: ReceivedCall[] = [];
  answers = true;
  /** Most calls that waited for their answer on one connection at once. */
  peakOutstanding = 0;
  readonly #readers = new Map<Wire, ThriftReader>();
  readonly #outstanding = new Map<Wire, number>();

  private constructor(
    readonly name: string,
    readonly endpoint: Endpoint,
  ) {}

  static async start(world: World, name: string): Promise<ThriftServer> {
    const created: { server?: ThriftServer } = {};
    const endpoint = await world.endpoint((wire, bytes) => created.server?.receive(wire, bytes));
    const server = new ThriftServer(name, endpoint);
    created.server = server;
    return server;
  }

  reply({ wire, thrift, message }: ReceivedCall, value = this.name): void {
    this.#outstanding.set(wire, (this.#outstanding.get(wire) ?? 0) - 1);
    wire.write(replyFrame(thrift, { name: message.name, seqid: message.seqid, value }));
  }

  private receive(wire: Wire, bytes: Buffer): void {
    let reader = this.#readers.get(wire);
    if (reader === undefined) {
      reader = new ThriftReader(detectWire(bytes));
      this.#readers.set(wire, reader);
    }
    for (const message of reader.push(bytes)) {
      const call = { wire, thrift: reader.wire, message };
      this.calls.push(call);
      if (message.type !== MessageType.Call) continue;
      const outstanding = (this.#outstanding.get(wire) ?? 0) + 1;
      this.#outstanding.set(wire, outstanding);
      this.peakOutstanding = Math.max(this.peakOutstanding, outstanding);
      if (this.answers) this.reply(call);
    }
  }
}

/** A client that sends calls and collects answers in the order in which they come. */
export class ThriftCaller {
  readonly replies: ThriftMessage[] = [];

  private constructor(
    readonly wire: Wire,
    readonly thrift: ThriftWire,
    private readonly network: Network,
  ) {}

  static async connect(network: Network, thrift: ThriftWire): Promise<ThriftCaller> {
    const reader = new ThriftReader(thrift);
    const created: { caller?: ThriftCaller } = {};
    const wire = await network.connect((_, bytes) => {
      created.caller?.replies.push(...reader.push(bytes));
    });
    const caller = new ThriftCaller(wire, thrift, network);
    created.caller = caller;
    return caller;
  }

  send(name: string, options: CallOptions = {}, type: number = MessageType.Call): void {
    this.wire.write(callFrame(this.thrift, name, options, type));
  }

  /** Awaits the answer number `index`, from 0. */
  async answer(index: number): Promise<string> {
    await this.network.until(
      `answer ${String(index)}`,
      () => this.replies.length > index || this.wire.isClosed,
    );
    const reply = this.replies[index];
    if (reply === undefined) throw new Error("the connection was closed");
    return answerText(this.thrift, reply);
  }

  async call(name: string, options: CallOptions = {}): Promise<string> {
    const index = this.replies.length;
    this.send(name, options);
    return this.answer(index);
  }
}
