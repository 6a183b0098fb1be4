// Numbers and offsets of ZooKeeper's frames: zookeeper.jute and ZooDefs.OpCode of Apache ZooKeeper 3.9.5.
// Allocates: when the module starts.

import { StaticText } from "../../wire/static-text";

/** Bytes 0..3: length of what follows, big-endian i32. */
export const LENGTH_BYTES: u32 = 4;

// RequestHeader
export const XID_OFFSET: u32 = 4; // bytes 4..7, i32
export const OPCODE_OFFSET: u32 = 8; // bytes 8..11, i32
export const REQUEST_BODY_OFFSET: u32 = 12;
export const MIN_REQUEST_LENGTH: u32 = 8;

// ReplyHeader
export const ZXID_OFFSET: u32 = 8; // bytes 8..15, i64
export const ERR_OFFSET: u32 = 16; // bytes 16..19, i32
export const REPLY_HEADER_LENGTH: u32 = 16;

// ConnectRequest, which has no header
export const CONNECT_TIMEOUT_OFFSET: u32 = 16; // bytes 16..19, i32, ms
export const CONNECT_SESSION_OFFSET: u32 = 20; // bytes 20..27, i64
export const CONNECT_PASSWORD_OFFSET: u32 = 28; // bytes 28..31, i32 length, then the password

// ConnectResponse, likewise
export const CONNECTED_TIMEOUT_OFFSET: u32 = 8; // bytes 8..11, i32, ms
export const CONNECTED_SESSION_OFFSET: u32 = 12; // bytes 12..19, i64
export const CONNECTED_PASSWORD_OFFSET: u32 = 20; // bytes 20..23, i32 length, then the password

/** Of a session. A client that has none yet sends zeros, or nothing. */
export const PASSWORD_BYTES: u32 = 16;

/** The xid of watch events; no request has it. */
export const EVENT_XID: u32 = 0xffffffff;

export const WORD_BYTES: u32 = 4;

/** KeeperException.Code: what is below is the application's, what is above the system's, and so is THROTTLED_OP. */
export const API_ERROR: i32 = -100;
export const THROTTLED_OP: i32 = -127;

export enum Opcode {
  Create = 1,
  Exists = 3,
  GetData = 4,
  GetChildren = 8,
  Sync = 9,
  GetChildren2 = 12,
  Check = 13,
  Create2 = 15,
  CheckWatches = 17,
  RemoveWatches = 18,
  CreateContainer = 19,
  DeleteContainer = 20,
  CreateTtl = 21,
  GetEphemerals = 103,
  GetAllChildrenNumber = 104,
  AddWatch = 106,
}

const CLOSE_SESSION: i32 = -11;
const FIRST_LATE_OPCODE: i32 = 100;

/** Opcodes from 0 on; empty: there is none of that number. */
const NAMES: StaticArray<StaticText> = [
  new StaticText("notification"),
  new StaticText("create"),
  new StaticText("delete"),
  new StaticText("exists"),
  new StaticText("getData"),
  new StaticText("setData"),
  new StaticText("getACL"),
  new StaticText("setACL"),
  new StaticText("getChildren"),
  new StaticText("sync"),
  new StaticText(""),
  new StaticText("ping"),
  new StaticText("getChildren2"),
  new StaticText("check"),
  new StaticText("multi"),
  new StaticText("create2"),
  new StaticText("reconfig"),
  new StaticText("checkWatches"),
  new StaticText("removeWatches"),
  new StaticText("createContainer"),
  new StaticText("deleteContainer"),
  new StaticText("createTTL"),
  new StaticText("multiRead"),
];

/** Opcodes from 100 on. */
const LATE_NAMES: StaticArray<StaticText> = [
  new StaticText("auth"),
  new StaticText("setWatches"),
  new StaticText("sasl"),
  new StaticText("getEphemerals"),
  new StaticText("getAllChildrenNumber"),
  new StaticText("setWatches2"),
  new StaticText("addWatch"),
  new StaticText("whoAmI"),
];

const CLOSE_SESSION_NAME = new StaticText("closeSession");
const NO_NAME = new StaticText("");

/** Empty: it has no name. */
export function opcodeName(opcode: i32): StaticText {
  if (opcode == CLOSE_SESSION) return CLOSE_SESSION_NAME;
  if (opcode >= 0 && opcode < NAMES.length) return unchecked(NAMES[opcode]);
  const late = opcode - FIRST_LATE_OPCODE;
  if (late >= 0 && late < LATE_NAMES.length) return unchecked(LATE_NAMES[late]);
  return NO_NAME;
}

/** Whether the first field of the request is a path. */
export function hasPath(opcode: i32): bool {
  if (opcode >= Opcode.Create && opcode <= Opcode.Sync) return true;
  switch (opcode) {
    case Opcode.GetChildren2:
    case Opcode.Check:
    case Opcode.Create2:
    case Opcode.CheckWatches:
    case Opcode.RemoveWatches:
    case Opcode.CreateContainer:
    case Opcode.DeleteContainer:
    case Opcode.CreateTtl:
    case Opcode.GetEphemerals:
    case Opcode.GetAllChildrenNumber:
    case Opcode.AddWatch:
      return true;
    default:
      return false;
  }
}

/** Whether a bool behind the path says that the client wants to be told of the next change. */
export function hasWatchFlag(opcode: i32): bool {
  switch (opcode) {
    case Opcode.Exists:
    case Opcode.GetData:
    case Opcode.GetChildren:
    case Opcode.GetChildren2:
      return true;
    default:
      return false;
  }
}
