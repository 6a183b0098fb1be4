// What captures.yaml says, checked.

export const FRAME_KINDS = [
  "request",
  "oneway",
  "response",
  "heartbeat",
  "event",
  "goaway",
  "push",
  "stream",
] as const;

/** See assembly/codec/message.ts; `stream`: a frame of a stream that a request has opened. */
export type FrameKind = (typeof FRAME_KINDS)[number];

/** Who sends it. */
export type Side = "client" | "server";

export interface Description {
  readonly kind: FrameKind;
  readonly from: Side;
  readonly answer: string | undefined;
  readonly attributes: Readonly<Record<string, string | null>>;
  readonly status: "ok" | "error" | undefined;
  readonly id: { readonly at: number; readonly bytes: number } | undefined;
}

export interface Descriptions {
  readonly frames: ReadonlyMap<string, Description>;
  readonly garbage: readonly Uint8Array[];
}

const FROM_SERVERS: readonly FrameKind[] = ["response", "event", "goaway", "push"];
const FRAME_FIELDS = ["kind", "from", "answer", "attributes", "status", "id"];
const FIELDS = ["frames", "garbage", "id"];

/**
 * @param names of the frames that are there.
 * @throws Error with every fault, each with its place.
 */
export function readDescriptions(
  value: unknown,
  file: string,
  names: ReadonlySet<string>,
): Descriptions {
  const reader = new Reader();
  const root = reader.map(value, "");
  reader.known(root, FIELDS, "");
  const id = reader.id(root["id"], "id");
  const frames = new Map<string, Description>();
  for (const [name, frame] of Object.entries(reader.map(root["frames"], "frames"))) {
    if (!names.has(name)) reader.fault(`frames.${name}`, "there is no such file");
    frames.set(name, reader.frame(frame, `frames.${name}`, id));
  }
  for (const [name, { answer }] of frames) {
    if (answer !== undefined && frames.get(answer)?.kind !== "response")
      reader.fault(`frames.${name}.answer`, `${answer} is no response`);
  }
  const garbage = reader
    .list(root["garbage"], "garbage")
    .map((entry, index) => reader.hex(entry, `garbage[${index}]`));
  if (reader.faults.length > 0)
    throw new Error(reader.faults.map((fault) => `${file}: ${fault}`).join("\n"));
  return { frames, garbage };
}

class Reader {
  readonly faults: string[] = [];

  fault(path: string, message: string): void {
    this.faults.push(path === "" ? message : `${path}: ${message}`);
  }

  map(value: unknown, path: string): Record<string, unknown> {
    if (value === undefined || value === null) return {};
    if (typeof value === "object" && !Array.isArray(value)) return value as Record<string, unknown>;
    this.fault(path, "expected fields");
    return {};
  }

  list(value: unknown, path: string): readonly unknown[] {
    if (value === undefined) return [];
    if (Array.isArray(value)) return value as readonly unknown[];
    this.fault(path, "expected a list");
    return [];
  }

  known(fields: Record<string, unknown>, names: readonly string[], path: string): void {
    for (const name of Object.keys(fields)) {
      if (names.includes(name)) continue;
      this.fault(path === "" ? name : `${path}.${name}`, `unknown; there are ${names.join(", ")}`);
    }
  }

  hex(value: unknown, path: string): Uint8Array {
    const digits = typeof value === "string" ? value.replaceAll(/\s/g, "") : "";
    if (!/^([0-9a-f]{2})+$/i.test(digits))
      this.fault(path, "expected hexadecimal digits, in quotes");
    return new Uint8Array(Buffer.from(digits, "hex"));
  }

  id(value: unknown, path: string): Description["id"] {
    if (value === undefined) return undefined;
    const { at, bytes } = this.map(value, path);
    const isPlace = (number: unknown): number is number =>
      Number.isSafeInteger(number) && (number as number) >= 0;
    if (isPlace(at) && isPlace(bytes) && bytes > 0 && bytes <= 8) return { at, bytes };
    this.fault(path, "expected { at: offset, bytes: 1 to 8 }");
    return undefined;
  }

  frame(value: unknown, path: string, id: Description["id"]): Description {
    const fields = this.map(value, path);
    this.known(fields, FRAME_FIELDS, path);
    const kind = this.choice(fields["kind"], FRAME_KINDS, `${path}.kind`) ?? "request";
    const { from: side, answer } = fields;
    const usual = FROM_SERVERS.includes(kind) ? "server" : "client";
    const from = this.optional(side, ["client", "server"] as const, `${path}.from`) ?? usual;
    if (kind === "stream" && side === undefined)
      this.fault(`${path}.from`, "missing: who sends it, client or server");
    if (answer !== undefined && typeof answer !== "string")
      this.fault(`${path}.answer`, "expected the name of a response");
    return {
      kind,
      from,
      answer: typeof answer === "string" ? answer : undefined,
      attributes: this.attributes(fields["attributes"], `${path}.attributes`),
      status: this.optional(fields["status"], ["ok", "error"] as const, `${path}.status`),
      id: this.id(fields["id"], `${path}.id`) ?? id,
    };
  }

  private attributes(value: unknown, path: string): Record<string, string | null> {
    const attributes: Record<string, string | null> = {};
    for (const [name, text] of Object.entries(this.map(value, path))) {
      if (text === null || typeof text === "string") attributes[name] = text;
      else if (typeof text === "number") attributes[name] = String(text);
      else this.fault(`${path}.${name}`, "expected a text, or null for none");
    }
    return attributes;
  }

  private optional<T extends string>(
    value: unknown,
    choices: readonly T[],
    path: string,
  ): T | undefined {
    return value === undefined ? undefined : this.choice(value, choices, path);
  }

  private choice<T extends string>(
    value: unknown,
    choices: readonly T[],
    path: string,
  ): T | undefined {
    const choice = choices.find((one) => one === value);
    if (choice === undefined) this.fault(path, `expected ${choices.join(", ")}`);
    return choice;
  }
}
