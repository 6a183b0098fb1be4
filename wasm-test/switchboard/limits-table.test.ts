// docs/operators/bounds.md has every bound that is in the source, with what counts it; whoever adds one is
// told here.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const PAGE = readFileSync(join(ROOT, "docs/operators/bounds.md"), "utf8");

/** Folders in which bytes of peers or of the control plane are handled. */
const FOLDERS = [
  "assembly/switchboard",
  "assembly/codec",
  "assembly/codecs",
  "assembly/filter",
  "assembly/filters",
  "assembly/format",
  "assembly/otlp-export",
  "assembly/containers",
  "assembly/proxy-wasm-as/memory",
  "assembly/wire",
];

/** How a constant is called that bounds something: memory, a number or a time. */
const BOUND =
  /^(?:export )?const ((?:[A-Z0-9]+_)*(?:MAX|MOST|LIMIT|LINGER|TRUSTED|UNUSED|UNRESPONSIVE)(?:_[A-Z0-9]+)*)\b/gm;

/** Constants of such a name that no peer can meet, and why. */
const NO_BOUNDS: Readonly<Record<string, string>> = {
  DEFAULT_LIMIT: "stands for a limit that is not set",
  MOST_FRAME_BYTES: "the largest value of maxFrameBytes, in a sentence of the page",
  COPY_LIMIT: "chooses between copying and referring",
  JOIN_LIMIT: "chooses between two ways to assemble a frame",
  MAX_STEP_MS: "a jump of the clock, which nobody sees",
  MAX_SECONDS: "MAX_DURATION_MS in seconds",
  MAX_RESPONSE_TAG: "a number of the protocol",
  MAX_ASCII_SHORT: "a number of the format",
  MAX_CHUNK_UNITS: "a number of the format",
  MAX_COUNT: "a number of the format",
  MAX_FIRST_BYTE: "a number of the format",
  MAX_HEADER_BYTES: "a number of the format",
  MAX_NOTED: "attachments whose places are remembered; of more the map is read each time",
  MAX_PLANNED: "mutations for which a short way is tried; more take the long one",
  MAX_FRAME_LENGTH: "a number of the format; maxFrameBytes is less",
  MAX_MESSAGE_BYTES: "a number of the format; maxFrameBytes is less",
  MAX_VARINT_BYTES: "a number of the format",
  MAX_FIELD: "a number of the format",
  MAX_CONTEXT_BYTES: "MAX_REPLY_CONTEXT as Thrift's codec has it",
  MAX_KEPT_METHOD_BYTES: "what is left of MAX_REPLY_CONTEXT for the method",
  MAX_REQUEST_BYTES: "of one allocation; more than MAX_ALLOCATION_BYTES",
  MAX_ALLOCATION_BYTES: "the largest value of DEFAULT_MAX_ALLOCATION_BYTES",
  MAX_GROUP_DEPTH: "in messages of the control plane: as any malformed one",
  MAX_LITERAL: "in tables of the control plane: as any malformed one",
  MOST_MS: "of the pause between attempts to reach the control plane",
  MAX_LENGTH: "a number of the format",
  MAX_LENGTH_BYTE: "a number of the format",
  MAX_CLIENT_ID_BYTES: "a number of the format",
  MAX_CODE: "a number of the format",
  MAX_API_KEY: "a number of the format",
  MAX_COPY: "a number of the format",
  MAX_BASE: "a number of the format",
  MAX_CONNECTION_MODE: "a number of the format",
  MAX_ADJUST: "a number of the format",
  MAX_FIXED_BYTES: "in a table of a described protocol: as any malformed one",
  MAX_PROTOCOL_BYTES: "in a table of a described protocol: as any malformed one",
  MAX_TEXT: "a number of the format",
  MAX_PENDING: "a number of the format",
  MAX_NUMBERS_BYTES: "a number of the format",
  MAX_KEPT_NAME: "what is left of MAX_REPLY_CONTEXT for a name",
  MAX_INT_BYTES: "a number of the format",
  MAX_ATTRIBUTES: "in a description of a protocol, on its page: a larger one is refused",
  MAX_LAYOUTS: "in a description of a protocol, on its page: a larger one is refused",
  MAX_MATCHES: "in a description of a protocol, on its page: a larger one is refused",
  MAX_SECTIONS: "in a description of a protocol, on its page: a larger one is refused",
  MAX_VALUES: "in a description of a protocol, on its page: a larger one is refused",
  MAX_PATH: "in a description of a protocol, on its page: a larger one is refused",
  MAX_RULES: "in a description of a protocol, on its page: a larger one is refused",
  MAX_ALTERNATIVES: "in a description of a protocol, on its page: a larger one is refused",
  MAX_TERMS: "in a description of a protocol, on its page: a larger one is refused",
  MAX_LENGTHS: "in a description of a protocol, on its page: a larger one is refused",
  MAX_TEMPLATES: "in a description of a protocol, on its page: a larger one is refused",
  MAX_OPERATIONS: "in a description of a protocol, on its page: a larger one is refused",
  MAX_GROUPS: "in a description of a protocol, on its page: a larger one is refused",
  MAX_TEMPLATE_BYTES: "in a description of a protocol, on its page: a larger one is refused",
  CODE_LIMIT_EXCEEDED: "a number of the protocol",
  MAX_U64_DIGITS: "a number of the format",
  MAX_DIGITS: "in the plugin configuration: as any malformed one",
  MAX_EXPONENT: "in the plugin configuration: as any malformed one",
  MAX_SHOWN: "of faults in one message",
  MAX_NAME_SHOWN: "of an operator in one fault",
  MAX_QUOTED: "of bytes in one fault",
  MAX_NODE_ID: "of the proxy's own node",
  CLUSTER_MAX_CONNECTIONS: "the number of a field",
  CLUSTER_MAX_REQUESTS: "the number of a field",
  CLUSTER_MAX_PENDING_REQUESTS: "the number of a field",
};

function sources(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return sources(path);
    return entry.name.endsWith(".ts") ? [path] : [];
  });
}

function boundsInSource(): { readonly name: string; readonly file: string }[] {
  return FOLDERS.flatMap(sources).flatMap((file) => {
    const text = readFileSync(join(ROOT, file), "utf8");
    return [...text.matchAll(BOUND)].map(([, name = ""]) => ({ name, file }));
  });
}

/** Rows of all tables of the page, cell by cell. */
const ROWS = PAGE.split("\n")
  .filter((line) => line.startsWith("| `"))
  .map((line) =>
    line
      .split("|")
      .map((cell) => cell.trim())
      .slice(1, -1),
  );
const DOCUMENTED = new Set([...PAGE.matchAll(/`([A-Z0-9_]+)`/g)].map(([, name = ""]) => name));

describe("the page of bounds", () => {
  test("has every bound of the source, or the source's constant bounds nothing", () => {
    const bounds = boundsInSource();
    expect(bounds.length).toBeGreaterThan(40);
    const missing = bounds.filter(({ name }) => !DOCUMENTED.has(name) && !(name in NO_BOUNDS));
    expect(missing).toEqual([]);
  });

  test("names no bound that is gone, and nor does the list of what is none", () => {
    const known = new Set(boundsInSource().map(({ name }) => name));
    const gone = [...DOCUMENTED].filter((name) => /MAX|LINGER|TRUSTED|UNUSED|UNRESP/.test(name));
    expect(gone.filter((name) => !known.has(name))).toEqual([]);
    expect(Object.keys(NO_BOUNDS).filter((name) => !known.has(name))).toEqual([]);
  });

  test("has the values of the source", () => {
    const values: Readonly<Record<string, number>> = {
      MAX_STREAMS: 262_144,
      MAX_ABANDONED: 1024,
      MAX_ROUTES: 100_000,
      MAX_MATCHES_PER_ROUTE: 64,
      MAX_DESTINATIONS_PER_ROUTE: 1024,
      MAX_MUTATIONS_PER_ROUTE: 256,
      MAX_TEXT_BYTES: 4096,
      MAX_RESOURCES: 65_536,
      MAX_CLASSES: 1024,
      MAX_TRANSFORMS: 8,
      MAX_HEADER_WORDS: 16_383,
      MAX_EVENT_BODY: 48,
      MAX_REPLY_CONTEXT: 256,
    };
    const source = FOLDERS.flatMap(sources)
      .map((file) => readFileSync(join(ROOT, file), "utf8"))
      .join("\n");
    for (const [name, value] of Object.entries(values)) {
      const declared = [...source.matchAll(new RegExp(`const ${name}: \\w+ = ([^;]+);`, "g"))];
      const shift = /^1 << (\d+)$/;
      const numbers = declared.map(([, text = ""]) => {
        const bits = shift.exec(text)?.[1];
        return bits === undefined ? Number(text) : 2 ** Number(bits);
      });
      expect(numbers, name).toContain(value);
      const row = ROWS.find(([cell = ""]) => cell === `\`${name}\``);
      expect(row?.[1]?.replaceAll(",", ""), name).toMatch(new RegExp(`^${String(value)}\\b`));
    }
  });

  test("says of every bound of requests, bytes, connections and time what counts it", () => {
    const stats = readFileSync(join(ROOT, "assembly/switchboard/telemetry/stats.ts"), "utf8");
    const known = new Set([...stats.matchAll(/^ {2}"([a-z_]+)",$/gm)].map(([, name = ""]) => name));
    const tables = PAGE.split(/^## /m).filter((part) =>
      /^(?:Of a module|In time|Fixed)\n/.test(part),
    );
    expect(tables).toHaveLength(3);
    for (const table of tables) {
      const header = table.split("\n").find((line) => line.startsWith("| Name")) ?? "";
      const column = header.split("|").findIndex((cell) => cell.trim() === "Counted as");
      if (column < 0) throw new Error("a table without the column Counted as");
      const rows = table.split("\n").filter((line) => line.startsWith("| `"));
      for (const row of rows.filter(
        (line) => line.split("|").length === header.split("|").length,
      )) {
        const cell = row.split("|")[column] ?? "";
        const names = [...cell.matchAll(/`([a-z_]+)`/g)].map(([, name = ""]) => name);
        if (!cell.includes("no error")) expect(names, row).not.toHaveLength(0);
        for (const name of names) expect(known, row).toContain(name);
      }
    }
  });
});
