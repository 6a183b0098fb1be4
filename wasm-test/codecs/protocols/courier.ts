// The made-up protocol of docs/protocol-owners/frames/courier.yaml, as its client and its server write it.
import { courierFrame, CourierFlag } from "../../envoy/support/courier.js";
import { ErrorKind, MessageType, ResponseStatus } from "../harness/contract.js";
import type { ProtocolCase } from "./protocol-case.js";

const { Response, Oneway, Heartbeat } = CourierFlag;

export const COURIER: ProtocolCase = {
  protocol: "courier",
  idBits: 32,
  frames: new Map([
    ["req-parcel", courierFrame({ sequence: 7, cmd: 153, subCmd: 2, code: 250, body: "parcel" })],
    ["req-tags", courierFrame({ sequence: 8, cmd: 1, tags: { tenant: "blue", Lane: "fast" } })],
    ["req-postcard", courierFrame({ flags: Oneway, sequence: 9, cmd: 2, code: -1 })],
    ["req-alive", courierFrame({ flags: Heartbeat, sequence: 10 })],
    ["rsp-parcel", courierFrame({ flags: Response, sequence: 7, cmd: 153, body: "done" })],
    ["rsp-refused", courierFrame({ flags: Response, sequence: 8, code: 12 })],
    ["rsp-broken", courierFrame({ flags: Response, sequence: 8, code: -500 })],
    ["rsp-alive", courierFrame({ flags: Response | Heartbeat, sequence: 10 })],
  ]),
  expected: {
    "req-parcel": {
      type: MessageType.Request,
      id: 7n,
      timeoutMs: 250,
      attributes: { cmd: "153", sub_cmd: "2", timeout: "250", body: undefined },
    },
    "req-tags": {
      type: MessageType.Request,
      id: 8n,
      attributes: { cmd: "1", tenant: "blue", lane: "fast" },
    },
    "req-postcard": { type: MessageType.Oneway, id: 9n, attributes: { timeout: "-1" } },
    "req-alive": { type: MessageType.Heartbeat, id: 10n },
    "rsp-parcel": { type: MessageType.Response, id: 7n, attributes: { cmd: "153", code: "0" } },
    "rsp-refused": {
      type: MessageType.Response,
      id: 8n,
      status: ResponseStatus.BusinessError,
      attributes: { code: "12" },
    },
    "rsp-broken": {
      type: MessageType.Response,
      id: 8n,
      status: ResponseStatus.Error,
      attributes: { code: "-500" },
    },
    "rsp-alive": { type: MessageType.Event, id: 10n },
  },
  errors: [
    { kind: ErrorKind.NoRoute, status: ResponseStatus.Error, attributes: { code: "-404" } },
    { kind: ErrorKind.Overload, status: ResponseStatus.Error, attributes: { code: "-429" } },
    {
      kind: ErrorKind.Internal,
      status: ResponseStatus.Error,
      attributes: { code: "-1", cmd: "153" },
    },
  ],
  carriesText: () => true,
  isMutable: true,
  hasHeartbeat: true,
  garbage: [Buffer.from("CS"), Buffer.from("CR\x02"), Buffer.from("GET / HTTP/1.1\r\n")],
};
