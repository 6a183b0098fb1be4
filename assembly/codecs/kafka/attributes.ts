// The attributes of a frame. There are none by other names.
// Allocates: when the module starts.

import { DYNAMIC_ATTRIBUTE } from "../../codec/codec";
import { Message, Slice } from "../../codec/message";
import { encodeBase64 } from "../../wire/base64";
import { loadU16Be, loadU32Be } from "../../wire/byte-order";
import { writeSigned } from "../../wire/bytes";
import { StaticText } from "../../wire/static-text";
import { apiOf, Field } from "./apis";
import {
  CLIENT_ID_TEXT_OFFSET,
  CORRELATION_ID_OFFSET,
  RESPONSE_CORRELATION_ID_OFFSET,
  UUID_BYTES,
} from "./constants";
import { fields } from "./fields";
import {
  apiKeyOf,
  apiVersionOf,
  clientIdBytes,
  FrameKind,
  hasClientId,
  isClientIdNull,
  kindOf,
} from "./frame";

// Attribute ids: positions in NAMES.
const API_KEY: i32 = 0;
const API_NAME: i32 = 1;
const API_VERSION: i32 = 2;
const CLIENT_ID: i32 = 3;
const CORRELATION_ID: i32 = 4;
const TOPIC: i32 = 5;
const TOPIC_ID: i32 = 6;
const TOPIC_COUNT: i32 = 7;
const GROUP_ID: i32 = 8;
const TRANSACTIONAL_ID: i32 = 9;
const ACKS: i32 = 10;

const NAMES: StaticArray<StaticText> = [
  new StaticText("api_key"),
  new StaticText("api_name"),
  new StaticText("api_version"),
  new StaticText("client_id"),
  new StaticText("correlation_id"),
  new StaticText("topic"),
  new StaticText("topic_id"),
  new StaticText("topic_count"),
  new StaticText("group_id"),
  new StaticText("transactional_id"),
  new StaticText("acks"),
];

const PLUS: u8 = 0x2b;
const SLASH: u8 = 0x2f;
const MINUS: u8 = 0x2d;
const UNDERSCORE: u8 = 0x5f;
/** Characters of a UUID in base64, but for what fills the last four up. */
const UUID_TEXT_BYTES: u32 = 22;
/** Room of a number's digits, for each attribute its own. */
const DIGITS: u32 = 24;

const digits = memory.data(264);
const uuidText = memory.data(32);

export function findAttributeId(namePtr: usize, nameLen: u32): i32 {
  for (let id = 0; id < NAMES.length; id++) {
    if (unchecked(NAMES[id]).equals(namePtr, nameLen)) return id;
  }
  return DYNAMIC_ATTRIBUTE;
}

/** `id` is not DYNAMIC_ATTRIBUTE. */
export function findAttribute(message: Message, id: i32, value: Slice): bool {
  const kind = kindOf(message);
  if (kind == FrameKind.Request) return findOfRequest(message, id, value);
  if (kind != FrameKind.Response || id != CORRELATION_ID) return false;
  return isNumber(<i32>loadU32Be(message.frame + RESPONSE_CORRELATION_ID_OFFSET), id, value);
}

function findOfRequest(message: Message, id: i32, value: Slice): bool {
  switch (id) {
    case API_KEY:
      return isNumber(apiKeyOf(message), id, value);
    case API_NAME: {
      const name = apiOf(apiKeyOf(message)).name;
      value.ptr = name.ptr;
      value.len = name.len;
      return name.len > 0;
    }
    case API_VERSION:
      return isNumber(apiVersionOf(message), id, value);
    case CLIENT_ID:
      return findClientId(message, value);
    case CORRELATION_ID:
      return isNumber(<i32>loadU32Be(message.frame + CORRELATION_ID_OFFSET), id, value);
    case TOPIC:
      return fields.find(message, Field.Topic, value);
    case TOPIC_ID:
      return fields.find(message, Field.TopicId, value) && isUuid(value);
    case TOPIC_COUNT:
      return fields.find(message, Field.Topics, value) && isNumber(value.len, id, value);
    case GROUP_ID:
      return fields.find(message, Field.GroupId, value);
    case TRANSACTIONAL_ID:
      return fields.find(message, Field.TransactionalId, value);
    case ACKS:
      if (!fields.find(message, Field.Acks, value)) return false;
      return isNumber(<i32>(<i16>loadU16Be(value.ptr)), id, value);
    default:
      return false;
  }
}

function findClientId(message: Message, value: Slice): bool {
  if (!hasClientId(message) || isClientIdNull(message)) return false;
  value.ptr = message.frame + CLIENT_ID_TEXT_OFFSET;
  value.len = clientIdBytes(message);
  return true;
}

function isNumber(number: i64, id: i32, value: Slice): bool {
  value.ptr = digits + <usize>id * DIGITS;
  value.len = writeSigned(value.ptr, number);
  return true;
}

/** As Kafka writes them: base64 for URLs. One of zeros stands for none. */
function isUuid(value: Slice): bool {
  const uuid = value.ptr;
  if ((load<u64>(uuid) | load<u64>(uuid + 8)) == 0) return false;
  encodeBase64(uuid, UUID_BYTES, uuidText);
  for (let at = uuidText; at < uuidText + UUID_TEXT_BYTES; at++) {
    const letter = load<u8>(at);
    if (letter == PLUS) store<u8>(at, MINUS);
    else if (letter == SLASH) store<u8>(at, UNDERSCORE);
  }
  value.ptr = uuidText;
  value.len = UUID_TEXT_BYTES;
  return true;
}
