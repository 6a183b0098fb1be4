// What a description makes of a capture, for people.
import type { CompiledFrame, CompiledLayout } from "./compile.js";
import type { CapturedStream } from "./capture.js";
import type { FoundValue, FrameFacts, FrameReader, Refusal } from "./frame-reader.js";

const TYPES = [
  ...["request", "response", "oneway request", "heartbeat", "event", "go-away"],
  ...["frame of a stream", "push"],
];
const STATUSES = ["", ", an error of the application", ", an error"];
const SHOWN_BYTES = 24;
const MESSAGE_RESPONSE = 1;
/** Control characters, and what was no UTF-8. */
const UNPRINTABLE = /[\p{Cc}\ufffd]/u;
/** Of a refusal. */
const NO_LAYOUT = 1;
const CONTEXT_BYTES = 16;

export interface Transcript {
  readonly lines: readonly string[];
  /** Frames that were understood. */
  readonly frames: number;
  /** Where description and capture disagree, from the capture's start; undefined: nowhere. */
  readonly disagreement: number | undefined;
}

/** @param isFromClient undefined: what the first frame turns out to be. */
export function transcribe(
  stream: CapturedStream,
  compiled: CompiledFrame,
  reader: FrameReader,
  isFromClient: boolean | undefined,
): Transcript {
  const sender = isFromClient ?? stream.isFromClient ?? guessSender(stream.bytes, reader);
  const lines: string[] = [
    `from the ${sender ? "client" : "server"}, ${stream.bytes.length} bytes`,
  ];
  let at = 0;
  let frames = 0;
  while (at < stream.bytes.length) {
    const rest = stream.bytes.subarray(at);
    const reading = reader.read(rest, sender);
    if (reading.outcome === "more") {
      lines.push(
        `${offsetText(at)}  an incomplete frame: it needs ${reading.need} bytes, ${rest.length} are there`,
      );
      return { lines, frames, disagreement: undefined };
    }
    if (reading.outcome === "refused") {
      const nearest =
        reading.refusal.reason === NO_LAYOUT ? closest(rest, compiled, sender) : undefined;
      const where = at + (nearest?.offset ?? reading.refusal.offset);
      const layout = nearest?.layout ?? compiled.layouts[reading.refusal.layout];
      const reason = nearest ? describe(nearest) : reasonOf(reading.refusal, layout);
      lines.push(...disagreement(stream.bytes, where, reason, layout, at));
      return { lines, frames, disagreement: where };
    }
    lines.push(...frameLines(reading.frame, at, compiled, reader));
    const { contentFault } = reading.frame;
    if (contentFault !== undefined) {
      const layout = compiled.layouts[reading.frame.layout];
      const part = partAt(layout, contentFault, reader);
      const where = at + contentFault;
      const reason = `\`${part}\` is not what it should be: the frame passes, without what follows in there`;
      lines.push(...disagreement(stream.bytes, where, reason, layout, at));
      return { lines, frames: frames + 1, disagreement: where };
    }
    at += reading.frame.length;
    frames++;
  }
  return { lines, frames, disagreement: undefined };
}

function disagreement(
  bytes: Uint8Array,
  where: number,
  reason: string,
  layout: CompiledLayout | undefined,
  frameAt: number,
): string[] {
  return [
    `${offsetText(where)}  DISAGREES: ${reason}`,
    `        in ${layout?.name ?? "no layout"}, of a frame that begins at ${frameAt}`,
    `        bytes from there: ${hexOf(bytes.subarray(where, where + CONTEXT_BYTES))}`,
  ];
}

/** Types of fields with something in them. */
const STRUCTURED: readonly unknown[] = ["protobuf", "pairs", "tlv", "json"];

/** The field that an offset within its content is in. */
function partAt(layout: CompiledLayout | undefined, offset: number, reader: FrameReader): string {
  const part = layout?.fields.find(({ field, section }) => {
    const [, body, end] = reader.section(section);
    return STRUCTURED.includes(field.type) && offset >= body && offset <= end;
  });
  return part?.field.name ?? "a part";
}

/** Requests are from clients: if the first bytes are none, the server has sent them. */
function guessSender(bytes: Uint8Array, reader: FrameReader): boolean {
  if (reader.read(bytes, true).outcome !== "refused") return true;
  return reader.read(bytes, false).outcome === "refused";
}

function offsetText(offset: number): string {
  return String(offset).padStart(6);
}

function frameLines(
  frame: FrameFacts,
  at: number,
  compiled: CompiledFrame,
  reader: FrameReader,
): string[] {
  const layout = compiled.layouts[frame.layout];
  const status = frame.type === MESSAGE_RESPONSE ? (STATUSES[frame.status] ?? "") : "";
  const id = layout?.hasId === true ? `, id ${frame.id}` : "";
  const timeout = frame.timeoutMs > 0 ? `, the client waits ${frame.timeoutMs} ms` : "";
  const title = `${TYPES[frame.type] ?? "message"}${status}${id}${timeout}`;
  return [
    `${offsetText(at)}  ${title}: ${frame.length} bytes, ${layout?.name ?? "?"}`,
    ...(layout === undefined ? [] : valueLines(layout, at, reader)),
  ];
}

function valueLines(layout: CompiledLayout, at: number, reader: FrameReader): string[] {
  const found = layout.values.flatMap(({ name, isNumber, value }, index) => {
    const here = reader.value(index);
    return here === undefined ? [] : [{ name, isNumber, isAttribute: value.attribute > 0, here }];
  });
  const containers = layout.fields.flatMap(({ field, section, size }) => {
    const isNamed = layout.values.some(({ name }) => name === field.name);
    if (size !== undefined || isNamed || field.name === undefined) return [];
    const [, body, end] = reader.section(section);
    return [{ name: field.name, offset: body, text: `${end - body} bytes of ${field.type ?? ""}` }];
  });
  const rows = [
    ...found.map(({ name, isNumber, isAttribute, here }) => ({
      name,
      offset: here.offset,
      text: `${shown(here, isNumber)}${isAttribute ? "" : "  (no attribute)"}`,
    })),
    ...containers,
  ].sort((a, b) => a.offset - b.offset);
  const width = Math.max(0, ...rows.map(({ name }) => name.length));
  return rows.map(
    ({ name, offset, text }) => `${offsetText(at + offset)}    ${name.padEnd(width)}  ${text}`,
  );
}

function shown({ text, bytes }: FoundValue, isNumber: boolean): string {
  if (isNumber) return text;
  const isPrintable = !UNPRINTABLE.test(text);
  if (isPrintable && bytes.length <= 200) return JSON.stringify(text);
  const head = hexOf(bytes.subarray(0, SHOWN_BYTES));
  return `${bytes.length} bytes: ${head}${bytes.length > SHOWN_BYTES ? " ..." : ""}`;
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes)
    .toString("hex")
    .replaceAll(/(..)(?=.)/g, "$1 ");
}

function reasonOf({ reason, detail }: Refusal, layout: CompiledLayout | undefined): string {
  switch (reason) {
    case NO_LAYOUT:
      return "this side sends nothing";
    case 2:
      return "the length says less than the fields of fixed size take, or more than 4 GiB";
    case 3:
      return "a part is longer than what is left of the frame, or is not what it should be";
    case 4:
      return `\`${layout?.values[detail]?.name ?? "?"}\` is not the constant that it must be`;
    case 5:
      return "none of `kinds` tells what kind of message it is";
    case 6:
      return `it is a ${TYPES[detail] ?? "message"}, which this side does not send`;
    default:
      return "a length is so large that no other request id has room";
  }
}

interface Mismatch {
  readonly layout: CompiledLayout;
  /** From the frame's start. */
  readonly offset: number;
}

/** The layout that agrees with the most bytes, and the first of which it does not; undefined: nobody sends any. */
function closest(
  frame: Uint8Array,
  { layouts }: CompiledFrame,
  isFromClient: boolean,
): Mismatch | undefined {
  const origin = isFromClient ? 1 : 2;
  let best: Mismatch | undefined;
  for (const layout of layouts) {
    if ((layout.origins & origin) === 0) continue;
    for (const { mask, value } of layout.matches) {
      const differs = mask.findIndex(
        (bits, at) => (((frame[at] ?? 0) ^ (value[at] ?? 0)) & bits) !== 0,
      );
      const offset = differs < 0 ? mask.length : differs;
      if (best === undefined || offset > best.offset) best = { layout, offset };
    }
  }
  return best;
}

function describe({ layout, offset }: Mismatch): string {
  const at = layout.fields.find(
    (placed) =>
      placed.section === 0 &&
      placed.size !== undefined &&
      offset >= placed.offset &&
      offset < placed.offset + placed.size,
  );
  const { name, type } = at?.field ?? {};
  const field = name ?? type ?? "a field";
  return `no layout begins like this: ${layout.name} comes closest, until \`${field}\``;
}
