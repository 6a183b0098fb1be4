// The made-up packet stream of docs/protocol-owners/frames/parcel.yaml, as its client writes it.
import { parcelFrame } from "../../envoy/support/parcel-wire.js";
import { MessageType } from "../harness/contract.js";
import type { ProtocolCase } from "./protocol-case.js";

const PACKET = { type: MessageType.Oneway } as const;
const LARGEST = 2n ** 64n - 1n;

export const PARCEL: ProtocolCase = {
  protocol: "parcel",
  idBits: 0,
  frames: new Map([
    ["req-packet", parcelFrame({ command: 3, user: 1001n, tags: {}, body: "a body" })],
    ["req-tags", parcelFrame({ command: 4, user: 7n, tags: { zone: "east", Lane: "" }, body: "" })],
    ["req-largest", parcelFrame({ command: 0xffff, user: LARGEST, tags: {}, body: "x" })],
  ]),
  expected: {
    "req-packet": { ...PACKET, attributes: { command: "3", user: "1001", body: undefined } },
    "req-tags": { ...PACKET, attributes: { command: "4", zone: "east", lane: "" } },
    "req-largest": { ...PACKET, attributes: { command: "65535", user: String(LARGEST) } },
  },
  errors: [],
  carriesText: () => false,
  isMutable: true,
  hasHeartbeat: false,
  garbage: [Buffer.from("'"), Buffer.from("GET / HTTP/1.1\r\n"), Buffer.from("&\0\0\0\x20\x02")],
};
