// A Dubbo provider that does with each request what a script says.
import { TcpServer, type ServerConnection } from "../host/index.js";
import {
  dubboResponse,
  hessianInt,
  hessianString,
  ResponseTag,
  Status,
  valueBody,
  type DubboHeader,
} from "../envoy/support/dubbo-wire.js";
import { DubboReader } from "./dubbo-stream.js";

export type Outcome = "answer" | "framework error" | "exception" | "reset" | "silence";

export interface ReceivedRequest {
  readonly connection: ServerConnection;
  readonly frame: DubboHeader;
}

export class ScriptedProvider {
  readonly server: TcpServer;
  readonly requests: ReceivedRequest[] = [];

  /** `outcome` is given how many requests came before, here. */
  constructor(
    readonly name: string,
    private readonly outcome: (count: number) => Outcome = () => "answer",
  ) {
    const readers = new Map<ServerConnection, DubboReader>();
    this.server = new TcpServer({
      onData: (connection, bytes) => {
        const reader = readers.get(connection) ?? new DubboReader();
        readers.set(connection, reader);
        for (const frame of reader.push(bytes)) this.#receive({ connection, frame });
      },
    });
  }

  #receive(request: ReceivedRequest): void {
    const { connection, frame } = request;
    if (frame.isEvent) return;
    const count = this.requests.push(request) - 1;
    if (!frame.isTwoWay) return;
    const outcome = this.outcome(count);
    if (outcome === "reset") connection.reset();
    else if (outcome !== "silence") connection.write(this.#response(frame.id, outcome));
  }

  #response(id: bigint, outcome: "answer" | "framework error" | "exception"): Buffer {
    if (outcome === "answer") return dubboResponse(id, valueBody(this.name));
    if (outcome === "framework error")
      return dubboResponse(id, hessianString("no threads"), Status.ServerError);
    const body = Buffer.concat([hessianInt(ResponseTag.Exception), hessianString("insufficient")]);
    return dubboResponse(id, body);
  }

  /** Answers a request that was met with silence. */
  answerLate({ connection, frame }: ReceivedRequest): void {
    connection.write(dubboResponse(frame.id, valueBody(`late ${this.name}`)));
  }
}
