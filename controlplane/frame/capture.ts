// What peers have sent, from a file: hexadecimal digits, raw bytes, or a pcap file.

/** Bytes that one side has sent, in their order. */
export interface CapturedStream {
  /** Empty: the file has but one. */
  readonly name: string;
  /** Undefined: the file does not say. */
  readonly isFromClient: boolean | undefined;
  readonly bytes: Uint8Array;
}

const HEX = /^[0-9a-f\s]*$/i;
const COMMENT = /^#.*$/gm;
/** Microseconds and nanoseconds, in either byte order. */
const PCAP_MAGICS: readonly number[] = [0xa1b2c3d4, 0xa1b23c4d];
const PCAP_HEADER = 24;
const RECORD_HEADER = 16;
/** Bytes before the IP header by link type: loopback, Ethernet, raw IP, Linux cooked 1 and 2. */
const LINK_BYTES: Readonly<Record<number, number>> = { 0: 4, 1: 14, 101: 0, 113: 16, 276: 20 };
const TCP = 6;

/** @throws Error for a pcap file that cannot be understood. */
export function readCapture(content: Uint8Array): readonly CapturedStream[] {
  const buffer = Buffer.from(content);
  if (buffer.length >= PCAP_HEADER) {
    if (PCAP_MAGICS.includes(buffer.readUInt32LE(0))) return readPcap(buffer, true);
    if (PCAP_MAGICS.includes(buffer.readUInt32BE(0))) return readPcap(buffer, false);
  }
  const text = buffer.toString("latin1").replaceAll(COMMENT, "");
  const isHex = HEX.test(text) && text.trim() !== "";
  const bytes = isHex ? Buffer.from(text.replaceAll(/\s/g, ""), "hex") : buffer;
  return [{ name: "", isFromClient: undefined, bytes: new Uint8Array(bytes) }];
}

interface Flow {
  readonly client: string;
  readonly chunks: Map<number, Buffer>;
  first: number | undefined;
}

function readPcap(file: Buffer, isLittle: boolean): CapturedStream[] {
  const u32 = (at: number): number => (isLittle ? file.readUInt32LE(at) : file.readUInt32BE(at));
  const link = u32(20);
  const skipped = LINK_BYTES[link];
  if (skipped === undefined) throw new Error(`packets of link type ${link} cannot be read`);
  const flows = new Map<string, Flow>();
  const clients = new Map<string, string>();
  let at = PCAP_HEADER;
  while (at + RECORD_HEADER <= file.length) {
    const length = u32(at + 8);
    const packet = file.subarray(at + RECORD_HEADER + skipped, at + RECORD_HEADER + length);
    addPacket(packet, flows, clients);
    at += RECORD_HEADER + length;
  }
  return [...flows].flatMap(([name, flow]) => {
    const bytes = assemble(flow);
    const isFromClient = name.startsWith(`${flow.client} `);
    return bytes.length === 0 ? [] : [{ name, isFromClient, bytes }];
  });
}

interface Segment {
  readonly source: string;
  readonly target: string;
  readonly sequence: number;
  /** A connection's first: SYN without ACK. */
  readonly isFirst: boolean;
  readonly payload: Buffer;
}

/** Undefined: no TCP in IPv4, or in IPv6 without extensions. */
function segmentOf(packet: Buffer): Segment | undefined {
  const version = packet.length < 20 ? 0 : packet.readUInt8(0) >> 4;
  if (version !== 4 && version !== 6) return undefined;
  const isV4 = version === 4;
  const ipBytes = isV4 ? (packet.readUInt8(0) & 15) * 4 : 40;
  const protocol = packet.readUInt8(isV4 ? 9 : 6);
  if (protocol !== TCP || packet.length < ipBytes + 20) return undefined;
  const end = isV4 ? packet.readUInt16BE(2) : 40 + packet.readUInt16BE(4);
  const [from, to, behind] = isV4 ? [12, 16, 20] : [8, 24, 40];
  const tcp = packet.subarray(ipBytes, Math.max(end, ipBytes + 20));
  return {
    source: `${packet.toString("hex", from, to)}:${tcp.readUInt16BE(0)}`,
    target: `${packet.toString("hex", to, behind)}:${tcp.readUInt16BE(2)}`,
    sequence: tcp.readUInt32BE(4),
    isFirst: (tcp.readUInt8(13) & 0x12) === 0x02,
    payload: tcp.subarray((tcp.readUInt8(12) >> 4) * 4),
  };
}

function addPacket(packet: Buffer, flows: Map<string, Flow>, clients: Map<string, string>): void {
  const segment = segmentOf(packet);
  if (segment === undefined) return;
  const { source, target, sequence, isFirst, payload } = segment;
  const pair = [source, target].sort().join(" ");
  // Without its beginning, whoever is seen to speak first is the client.
  if (isFirst || !clients.has(pair)) clients.set(pair, source);
  const name = `${source} -> ${target}`;
  const client = clients.get(pair) ?? source;
  const flow: Flow = flows.get(name) ?? { client, chunks: new Map(), first: undefined };
  flows.set(name, flow);
  if (isFirst) flow.first = (sequence + 1) >>> 0;
  if (isFirst || payload.length === 0) return;
  // Likewise, the lowest that is seen is the first.
  if (flow.first === undefined || ((sequence - flow.first) | 0) < 0) flow.first = sequence;
  const known = flow.chunks.get(sequence);
  if (known === undefined || known.length < payload.length) flow.chunks.set(sequence, payload);
}

/** Up to the first gap. */
function assemble({ chunks, first = 0 }: Flow): Uint8Array {
  const parts = [...chunks]
    .map(([sequence, chunk]) => ({ at: (sequence - first) | 0, chunk }))
    .filter(({ at, chunk }) => at + chunk.length > 0)
    .sort((a, b) => a.at - b.at);
  let bytes = Buffer.alloc(0);
  for (const { at, chunk } of parts) {
    if (at > bytes.length) break;
    bytes = Buffer.concat([bytes, chunk.subarray(Math.max(0, bytes.length - at))]);
  }
  return new Uint8Array(bytes);
}
