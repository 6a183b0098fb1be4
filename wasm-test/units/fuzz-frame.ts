// AssemblyScript entry: a described protocol as a fuzz target. Which one, `configure` says.

import { FrameCodec } from "../../assembly/codecs/frame/codec";
import { isVarint, readFixed, widthOf, writeNumber } from "../../assembly/codecs/frame/encoding";
import { LayoutChoice } from "../../assembly/codecs/frame/layout-choice";
import { Layout } from "../../assembly/codecs/frame/table/records";
import { Origin } from "../../assembly/codec/message";
import { StaticText } from "../../assembly/wire/static-text";
import { CodecTarget } from "./fuzz/codec-target";
import { bindTarget } from "./fuzz/driver";

export * from "./fuzz/driver";

/** Of all descriptions; the others have none of them, unless the frame has an entry of that key. */
const NAMES: StaticArray<StaticText> = [
  new StaticText("service"),
  new StaticText("method"),
  new StaticText("log_id"),
  new StaticText("error_code"),
  new StaticText("error_text"),
  new StaticText("func"),
  new StaticText("caller"),
  new StaticText("ret"),
  new StaticText("class"),
  new StaticText("codec"),
  new StaticText("cmd"),
  new StaticText("sub_cmd"),
  new StaticText("code"),
  new StaticText("command"),
  new StaticText("user"),
  new StaticText("user-id"),
  new StaticText("key"),
];

class FrameTarget extends CodecTarget {
  private readonly layouts: LayoutChoice = new LayoutChoice();

  constructor(private readonly frames: FrameCodec) {
    super(frames, NAMES);
  }

  /** What looks like a frame ends where the input ends. */
  override repair(ptr: usize, len: u32): u32 {
    const table = this.frames.table;
    for (let i = 0; i < 2; i++) {
      const origin = i == 0 ? Origin.Downstream : Origin.Upstream;
      if (!this.layouts.choose(table, origin, ptr, len)) continue;
      const layout = table.layouts[this.layouts.index];
      if (len >= layout.headBytes) setLength(layout, ptr, len);
      return len;
    }
    return len;
  }
}

/** The last number of those that make up the length gets what the others leave. */
function setLength(layout: Layout, ptr: usize, len: u32): void {
  const terms = layout.terms;
  const last = terms.length - 1;
  if (last < 0 || isVarint(terms[last].encoding)) return;
  let rest = <i64>len - layout.totalBase;
  for (let i = 0; i < last; i++) {
    if (isVarint(terms[i].encoding)) return;
    rest -= <i64>readFixed(ptr + terms[i].offset, terms[i].encoding);
  }
  const term = terms[last];
  const bits = min<u32>(widthOf(term.encoding), 4) << 3;
  const isRoom = rest >= 0 && rest < (<i64>1) << bits;
  if (isRoom) writeNumber(ptr + term.offset, term.encoding, <u64>rest);
}

const codec = new FrameCodec();

/** Before anything else: the table of the protocol. */
export function configure(ptr: usize, len: u32): void {
  const fault = codec.configure(ptr, len);
  if (fault.length > 0) abort(fault);
}

bindTarget(new FrameTarget(codec));
