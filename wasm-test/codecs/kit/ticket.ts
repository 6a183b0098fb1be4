// Frames of the protocol of wasm-test/units/ticket, and what is wrong with its codec.
import { readFileSync } from "node:fs";
import { buildWasm } from "../../../scripts/build-wasm.mjs";
import {
  type CapturedFrame,
  type Captures,
  type Report,
  testCodec,
} from "../../kit/codec-test/index.js";

/** As `Fault` of wasm-test/units/ticket/fault.ts. */
export const Fault = {
  None: 0,
  RefusesParts: 1,
  TakesAllForOne: 2,
  WaitsForGarbage: 3,
  TrapsOnGarbage: 4,
  PassesHeadAlone: 5,
  LoopsByLength: 6,
  KeepsId: 7,
  SpoilsStatus: 8,
  ForgetsLength: 9,
  PretendsMutation: 10,
  HasNoError: 11,
  ErrorLooksWell: 12,
  ErrorIsCut: 13,
  IgnoresHeartbeat: 14,
  SendsStrangeHeartbeat: 15,
  Leaks: 16,
  CutsAttribute: 17,
  DropsResponses: 18,
  ReadsBehindTags: 19,
  LosesOtherTags: 20,
  PassesPieces: 21,
  StatusIsLost: 22,
} as const;
export type Fault = (typeof Fault)[keyof typeof Fault];

const KINDS = { request: 0, response: 1, oneway: 2, heartbeat: 3, event: 4 } as const;

interface Ticket {
  readonly kind: keyof typeof KINDS;
  readonly id: number;
  readonly status?: number;
  readonly tags?: Readonly<Record<string, string>>;
  readonly body?: string;
}

function ticketFrame({ kind, id, status = 0, tags = {}, body = "" }: Ticket): Uint8Array {
  const entries = Object.entries(tags).map(([key, value]) => {
    const length = Buffer.alloc(2);
    length.writeUInt16BE(value.length);
    return Buffer.concat([Buffer.of(key.length), Buffer.from(key), length, Buffer.from(value)]);
  });
  const tagBytes = Buffer.concat(entries);
  const head = Buffer.alloc(14);
  head.write("TK", "latin1");
  head.writeUInt8(KINDS[kind], 2);
  head.writeUInt8(status, 3);
  head.writeUInt32BE(id, 4);
  head.writeUInt32BE(head.length + tagBytes.length + body.length, 8);
  head.writeUInt16BE(tagBytes.length, 12);
  return Buffer.concat([head, tagBytes, Buffer.from(body)]);
}

function frame(name: string, ticket: Ticket, more: Partial<CapturedFrame> = {}): CapturedFrame {
  const { kind } = ticket;
  return {
    name,
    bytes: ticketFrame(ticket),
    kind,
    from: kind === "response" || kind === "event" ? "server" : "client",
    answer: undefined,
    attributes: {},
    status: undefined,
    id: { at: 4, bytes: 4 },
    ...more,
  };
}

export const TICKETS: Captures = {
  frames: [
    frame(
      "req-train",
      { kind: "request", id: 7, tags: { to: "Basel", class: "second" }, body: "a window seat" },
      { answer: "rsp-train", attributes: { to: "Basel", class: "second", from: null } },
    ),
    frame("req-bus", { kind: "request", id: 8, body: "now" }, { answer: "rsp-bus" }),
    frame(
      "req-note",
      { kind: "oneway", id: 9, tags: { to: "all" } },
      { attributes: { to: "all" } },
    ),
    frame("req-alive", { kind: "heartbeat", id: 10 }),
    frame(
      "rsp-train",
      { kind: "response", id: 7, tags: { price: "12" }, body: "car 3, seat 41, by the window" },
      { status: "ok" },
    ),
    frame("rsp-bus", { kind: "response", id: 8, status: 4, body: "sold out" }, { status: "error" }),
    frame("rsp-alive", { kind: "event", id: 10 }),
  ],
  garbage: [Buffer.from("TV"), Buffer.from("GET / HTTP/1.1\r\n")],
  unused: [],
};

const module = readFileSync(await buildWasm("test/kit-ticket"));

export function testTickets(fault: Fault, inputs = 2_000): Report {
  return testCodec({
    module,
    codecConfiguration: Uint8Array.of(fault),
    captures: TICKETS,
    names: { module: "ticket", captures: "tickets" },
    inputs,
  });
}
