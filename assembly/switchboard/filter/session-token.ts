// The word of a response that names its endpoint, and of the requests that bring it back.
//
// The endpoint's `ip:port` in base64, or with a time to live the base64 of
//
//   message { string address = 1; uint64 expires = 2; }   // seconds since 1970
//
// Source: Envoy, HeaderBasedSessionState and CookieBasedSessionState.
// Allocates: when the module starts.
import { Codec } from "../../codec/codec";
import { Message, Slice } from "../../codec/message";
import { MutationOperation } from "../../codec/mutation";
import { base64Length, decodeBase64, encodeBase64 } from "../../wire/base64";
import { hashBytes } from "../../wire/bytes";
import { ProtobufReader, ProtobufWriter, WireType } from "../../wire/protobuf";
import { clock } from "../clock";
import { StickySession } from "../route/sticky-session";
import { Stream } from "../stream/stream";
import { Endpoint } from "../upstream/endpoint";
import { MutationScratch } from "./mutation-scratch";

/** An address in brackets with a zone and a port, and what is around it. */
const MAX_TOKEN_BYTES: u32 = 126;
const TOKEN_ADDRESS: u32 = 1;
const TOKEN_EXPIRES: u32 = 2;
const NS_PER_SECOND: u64 = 1000000000;
const MS_PER_SECOND: u32 = 1000;

const bytes: usize = heap.alloc(MAX_TOKEN_BYTES);
const text: usize = heap.alloc(base64Length(MAX_TOKEN_BYTES));
const key: Slice = changetype<Slice>(heap.alloc(offsetof<Slice>()));
const value: Slice = changetype<Slice>(heap.alloc(offsetof<Slice>()));
const reader: ProtobufReader = new ProtobufReader();
const writer: ProtobufWriter = new ProtobufWriter();

/** Finds out which endpoint a request asks for. */
export function readSession(
  session: StickySession,
  codec: Codec,
  stream: Stream,
  message: Message,
): void {
  stream.session = session;
  const name = session.namePtr;
  if (!codec.attribute(message, session.attribute, name, session.nameLen, value)) return;
  if (value.len > base64Length(MAX_TOKEN_BYTES)) return;
  const length = decodeBase64(value.ptr, value.len, bytes);
  if (length <= 0) return;
  let address = bytes;
  let addressLen = <u32>length;
  if (session.ttlMs > 0) {
    addressLen = 0;
    let expires: u64 = 0;
    reader.reset(bytes, length);
    while (reader.next()) {
      if (reader.field == TOKEN_ADDRESS && reader.wireType == WireType.Bytes) {
        address = reader.ptr;
        addressLen = reader.len;
      } else if (reader.field == TOKEN_EXPIRES && reader.wireType == WireType.Varint) {
        expires = reader.value;
      }
    }
    if (reader.isMalformed || addressLen == 0) return;
    if (expires != 0 && expires <= clock.preciseNs() / NS_PER_SECOND) return;
  }
  stream.sessionEndpoint = hashBytes(address, addressLen);
  stream.wantedEndpoint = stream.sessionEndpoint;
}

/** Tells the client of the endpoint that has answered, unless it knows. */
export function writeSession(
  session: StickySession,
  stream: Stream,
  mutations: MutationScratch,
): void {
  if (stream.endpoint == 0) return;
  const endpoint = changetype<Endpoint>(stream.endpoint);
  if (endpoint.hash == stream.sessionEndpoint) return;
  let from = changetype<usize>(endpoint.address);
  let length = <u32>endpoint.address.byteLength;
  if (session.ttlMs > 0) {
    const seconds = (session.ttlMs + MS_PER_SECOND - 1) / MS_PER_SECOND;
    writer.reset(bytes, MAX_TOKEN_BYTES);
    writer.writeBytes(TOKEN_ADDRESS, from, length);
    writer.writeVarint(TOKEN_EXPIRES, clock.preciseNs() / NS_PER_SECOND + <u64>seconds);
    from = bytes;
    length = writer.isOverflown ? 0 : writer.len;
  }
  if (length == 0 || length > MAX_TOKEN_BYTES) return;
  key.ptr = session.keyPtr;
  key.len = session.nameLen;
  value.ptr = text;
  value.len = encodeBase64(from, length, text);
  mutations.add(MutationOperation.Set, key, value);
}
