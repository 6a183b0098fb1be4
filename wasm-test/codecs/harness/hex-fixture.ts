// Captured frames: a line "# description | N bytes" and then hexadecimal digits.
import { readdirSync, readFileSync } from "node:fs";
import { basename } from "node:path";

/** One captured frame. */
export interface HexFixture {
  /** File name without ".hex". */
  readonly name: string;
  /** The first line: which peer sent it and what it shows. */
  readonly description: string;
  readonly bytes: Uint8Array;
  /** True when only the frame's head was kept. */
  readonly truncated: boolean;
}

/** Reads one `.hex` file; throws when its length is not the one in its first line. */
function readHexFixture(file: URL): HexFixture {
  const [description = "", ...lines] = readFileSync(file, "utf8").split("\n");
  const bytes = new Uint8Array(Buffer.from(lines.join(""), "hex"));
  const truncated = description.includes("[TRUNCATED");
  const length = /\| (\d+) bytes/.exec(description)?.[1];
  const name = basename(file.pathname, ".hex");
  if (!truncated && Number(length) !== bytes.length) {
    throw new Error(`${name}.hex holds ${String(bytes.length)} bytes, not ${length ?? "?"}`);
  }
  return { name, description: description.slice(2), bytes, truncated };
}

/** All `.hex` files of a folder (its URL ends in "/"), by name. */
export function readHexFixtures(folder: URL): ReadonlyMap<string, HexFixture> {
  const files = readdirSync(folder).filter((file) => file.endsWith(".hex"));
  const fixtures = files.sort().map((file) => readHexFixture(new URL(file, folder)));
  return new Map(fixtures.map((fixture) => [fixture.name, fixture]));
}
