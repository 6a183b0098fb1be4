// Fuzzed Thrift messages that the codec calls complete.
import { CodecHarness } from "../../codecs/harness/codec-harness.js";
import { DecodeStatus, Origin } from "../../codecs/harness/contract.js";
import { type Dialect, dialectOf } from "../../codecs/thrift/official-library.js";
import { inputMaker } from "./made-inputs.js";

/** What the codec says of a message. */
export interface ThriftFrame {
  readonly bytes: Uint8Array;
  readonly dialect: Dialect;
  /** Service and method as they stand on the wire. */
  readonly name: Uint8Array;
  /** Signed, in decimal. */
  readonly seqid: string;
}

export class ThriftFrames {
  private readonly state: number;

  private constructor(
    private readonly codec: CodecHarness,
    private readonly make: (index: number) => Uint8Array,
  ) {
    this.state = codec.openState();
  }

  static async load(seed: number): Promise<ThriftFrames> {
    const codec = await CodecHarness.load("thrift-codec");
    return new ThriftFrames(codec, await inputMaker("thrift", seed));
  }

  /** The complete messages among inputs `first` to `first + count`. */
  take(first: number, count: number): ThriftFrame[] {
    const frames: ThriftFrame[] = [];
    for (let index = first; index < first + count; index++) {
      const input = this.make(index);
      for (const origin of [Origin.Downstream, Origin.Upstream]) {
        const frame = this.decode(input, origin);
        if (frame !== undefined) frames.push(frame);
      }
    }
    return frames;
  }

  private decode(input: Uint8Array, origin: Origin): ThriftFrame | undefined {
    const { codec } = this;
    codec.clearState(this.state);
    const message = codec.decode(input, origin, this.state);
    if (message.decodeStatus !== DecodeStatus.Done) return undefined;
    const dialect = dialectOf(message.dialect);
    if (dialect === undefined) return undefined;
    const service = codec.attributeBytes("service");
    const method = codec.attributeBytes("method") ?? new Uint8Array(0);
    const name = service ? Buffer.concat([service, Buffer.from(":"), method]) : method;
    const seqid = codec.attribute("seqid") ?? "";
    return { bytes: input.slice(0, message.frameLength), dialect, name, seqid };
  }
}
