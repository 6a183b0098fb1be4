// RESP as a test sees it: commands and replies written, and where messages end, found in the most obvious
// way: by recursion over the whole of them.

/** A command as client libraries send it. */
export function command(...args: readonly (string | Uint8Array)[]): Buffer {
  return Buffer.concat([Buffer.from(`*${String(args.length)}\r\n`), ...args.map(bulk)]);
}

export function bulk(value: string | Uint8Array): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([Buffer.from(`$${String(bytes.length)}\r\n`), bytes, Buffer.from("\r\n")]);
}

export function aggregate(type: "*" | "~" | ">" | "%" | "|", ...items: readonly Buffer[]): Buffer {
  const count = type === "%" || type === "|" ? items.length / 2 : items.length;
  return Buffer.concat([Buffer.from(`${type}${String(count)}\r\n`), ...items]);
}

/** The reply that lines of text are. */
export function reply(...lines: readonly string[]): Buffer {
  return Buffer.from(lines.map((line) => `${line}\r\n`).join(""));
}

/** Where the element at `offset` ends, with what attributes say of it. */
export function endOfElement(bytes: Buffer, offset: number): number {
  const type = String.fromCharCode(bytes[offset] ?? 0);
  const line = bytes.indexOf("\r\n", offset);
  if (line < 0) throw new Error("no line");
  const number = Number(bytes.toString("latin1", offset + 1, line));
  if ("$!=".includes(type)) return number < 0 ? line + 2 : line + 2 + number + 2;
  let end = line + 2;
  if (!"*~>%|".includes(type)) return end;
  const elements = "%|".includes(type) ? number * 2 : number;
  for (let i = 0; i < elements; i++) end = endOfElement(bytes, end);
  return type === "|" ? endOfElement(bytes, end) : end;
}

/** The messages that `bytes` are. */
export function messagesOf(bytes: Buffer): Buffer[] {
  const messages: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const isInline = /[A-Za-z\r\n]/.test(String.fromCharCode(bytes[at] ?? 0));
    const end = isInline ? bytes.indexOf("\n", at) + 1 : endOfElement(bytes, at);
    messages.push(bytes.subarray(at, end));
    at = end;
  }
  return messages;
}
