// What was seen of a scenario, in a form that does not depend on ids, ports and timing between processes.

export interface Transcript {
  /** What the probe logged, in order. */
  readonly module: readonly string[];
  readonly client: readonly string[];
  readonly server: readonly string[];
}

const NUMBERED = /(\w+)#(\d+)/g;
const ADDRESS = /127\.0\.0\.1:\d+/g;
/** What 1.36 adds to the text of a failed HTTP request. */
const TRANSPORT_DETAIL = /, transport failure reason: .*$/;

/** Numbers contexts and tokens by their first appearance in the scenario. */
export function normalize(lines: readonly string[]): string[] {
  const contexts = new Map<string, number>();
  const tokens = new Map<string, number>();
  const number = (word: string, id: string): string => {
    const numbers = word === "token" ? tokens : contexts;
    const known = numbers.get(id) ?? numbers.size + 1;
    numbers.set(id, known);
    return `${word}#${String(known)}`;
  };
  return lines.map((line) =>
    line
      .replace(NUMBERED, (_match, word: string, id: string) => number(word, id))
      .replace(ADDRESS, "ADDRESS")
      .replace(TRANSPORT_DETAIL, "")
      .trimEnd(),
  );
}

export function formatTranscripts(transcripts: ReadonlyMap<string, Transcript>): string {
  let text = "";
  for (const [title, { module, client, server }] of transcripts) {
    text += [`== ${title}`, ...module, "-- client", ...client, "-- server", ...server, ""].join(
      "\n",
    );
  }
  return text;
}

/** @throws Error when the text is not what formatTranscripts makes. */
export function parseTranscripts(text: string): Map<string, Transcript> {
  const transcripts = new Map<string, Transcript>();
  let current: Record<keyof Transcript, string[]> | undefined;
  let part: keyof Transcript = "module";
  for (const line of text.trimEnd().split("\n")) {
    if (line.startsWith("== ")) {
      current = { module: [], client: [], server: [] };
      transcripts.set(line.slice(3), current);
      part = "module";
    } else if (current === undefined) throw new Error(`a transcript begins with "== ": ${line}`);
    else if (line === "-- client") part = "client";
    else if (line === "-- server") part = "server";
    else current[part].push(line);
  }
  return transcripts;
}
