// AssemblyScript entry: the assembly of frames as a fuzz target. However a stream is cut into reads, the
// connection finds the frames that are in it, as decoding all of it at once does.

import { Codec } from "../../assembly/codec/codec";
import { DecodeStatus } from "../../assembly/codec/decode-status";
import { Message, Origin } from "../../assembly/codec/message";
import { DubboCodec } from "../../assembly/codecs/dubbo/codec";
import { LineCodec } from "../../assembly/codecs/line/codec";
import { ThriftCodec } from "../../assembly/codecs/thrift/codec";
import { hashBytes } from "../../assembly/wire/bytes";
import { AssemblyConnection } from "./fuzz/assembly-connection";
import { bindTarget } from "./fuzz/driver";
import { FrameDigest } from "./fuzz/frame-digest";
import { mix, Target } from "./fuzz/target";

export { getBufferBytes } from "./fuzz/assembly-connection";
export * from "./fuzz/driver";
export { proxy_on_memory_allocate } from "../../assembly/proxy-wasm-as/memory/arena";

const MAX_FRAME_BYTES: u32 = 1024;
const STATE_BYTES: u32 = 1024;
const DUBBO_MAGIC: u8 = 0xda;
/** Reads of one byte, of a few, of many, of anything. */
const READ_SIZES: StaticArray<u32> = [1, 8, 64, 5000];

const state = memory.data(1024, 16);
/** More bytes than a connection ever waits for: they end what the stream left open. */
const FILLER_BYTES: u32 = MAX_FRAME_BYTES + 64;
const filler = memory.data(1088, 16);

class Stream {
  readonly message: Message;
  readonly connection: AssemblyConnection;
  readonly expected: FrameDigest = new FrameDigest();

  constructor(
    readonly codec: Codec,
    readonly origin: Origin,
  ) {
    const message = new Message();
    this.message = message;
    this.connection = new AssemblyConnection(codec, message, origin, MAX_FRAME_BYTES);
    if (codec.stateBytes > STATE_BYTES) abort("more state than there is room for");
  }

  /** What is in the stream, found out in the most obvious way. */
  decodeAtOnce(ptr: usize, len: u32): void {
    const expected = this.expected;
    const message = this.message;
    expected.clear();
    let at: u32 = 0;
    while (at < len && !expected.isRefused) {
      memory.fill(state, 0, this.codec.stateBytes);
      message.reset(this.origin, ptr + at);
      const status = this.codec.decode(message, ptr + at, len - at, state);
      if (status == DecodeStatus.WaitForData) {
        expected.isRefused = message.need > MAX_FRAME_BYTES;
        return;
      }
      const isTooLarge = message.frameLength > MAX_FRAME_BYTES;
      if (status == DecodeStatus.Error || isTooLarge) expected.isRefused = true;
      else expected.add(message);
      at += message.frameLength;
    }
  }

  /** Reads it in pieces whose sizes `choice` decides. */
  readInPieces(ptr: usize, len: u32, choice: u32): void {
    const connection = this.connection;
    const most = READ_SIZES[choice & 3];
    const framesPerPause = ((choice >>> 2) & 3) == 0 ? 1 + ((choice >>> 4) & 3) : 0;
    connection.begin(framesPerPause);
    let at: u32 = 0;
    let turn = choice;
    while (at < len) {
      turn = mix(turn, at);
      const size = min(1 + (turn % most), len - at);
      const isOpen = connection.read(ptr + at, size);
      at += size;
      if (!isOpen) break;
      if ((turn >>> 16) % 4 == 0) connection.resumeIfPaused();
    }
    resumeToTheEnd(connection);
    // It asks for more before it looks again: so it may learn later that there is no frame.
    if (this.expected.isRefused && !connection.found.isRefused) {
      connection.read(filler, FILLER_BYTES);
      resumeToTheEnd(connection);
    }
    if (!connection.wasRefusedPaused && !connection.found.equals(this.expected)) {
      abort("other frames than there are in the stream");
    }
    connection.end();
  }
}

function resumeToTheEnd(connection: AssemblyConnection): void {
  for (let frames = connection.found.count; ; frames = connection.found.count) {
    connection.resumeIfPaused();
    if (connection.found.count == frames) return;
  }
}

class AssemblyTarget extends Target {
  private readonly dubbo: StaticArray<Stream> = streamsOf(new DubboCodec());
  private readonly thrift: StaticArray<Stream> = streamsOf(new ThriftCodec());
  private readonly line: StaticArray<Stream> = streamsOf(new LineCodec());

  constructor() {
    super();
    this.heapBytes = 1 << 20;
    // The list of blocks that wait for the end of a call.
    this.heapSlack = 4096;
    this.fixedSteps = 4000;
    // Unframed messages may be looked at again with each read.
    this.stepsPerByte = 1000;
  }

  run(ptr: usize, len: u32): u32 {
    const choice = hashBytes(ptr, len);
    const isDubbo = len > 0 && load<u8>(ptr) == DUBBO_MAGIC;
    let streams = isDubbo ? this.dubbo : this.thrift;
    if (choice >>> 29 == 0) streams = this.line;
    const stream = streams[(choice >>> 8) & 1];
    stream.decodeAtOnce(ptr, len);
    const expected = stream.expected;
    this.verdict = expected.isRefused ? 3 : expected.count > 0 ? 1 : 2;
    const digest = mix(mix(expected.digest, expected.count), <u32>expected.isRefused);
    stream.readInPieces(ptr, len, mix(choice, len));
    return digest;
  }
}

function streamsOf(codec: Codec): StaticArray<Stream> {
  return [new Stream(codec, Origin.Downstream), new Stream(codec, Origin.Upstream)];
}

bindTarget(new AssemblyTarget());
