import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { digestOf } from "./digest.js";
import { fileInTar, storedGzip, tarOf } from "./tar.js";

function bytes(length: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, (_, index) => (index * 7 + (index >> 8)) & 0xff);
}

describe("a tar of one file", () => {
  test.each([0, 1, 511, 512, 513, 65_535, 65_536, 200_000])(
    "of %i bytes is found again",
    (size) => {
      const tar = tarOf("plugin.wasm", bytes(size));
      expect(tar.length % 512).toBe(0);
      expect(gunzipSync(storedGzip(tar)).equals(tar)).toBe(true);
      expect(Buffer.from(bytes(size)).equals(fileInTar(tar, "plugin.wasm") ?? Buffer.of(1))).toBe(
        true,
      );
      expect(fileInTar(tar, "filter.wasm")).toBeUndefined();
    },
  );

  test("is what tar reads, byte for byte the same for the same file", () => {
    const packed = storedGzip(tarOf("plugin.wasm", bytes(1_000)));
    const listed = execFileSync("tar", ["tzvf", "-"], { input: packed, env: { TZ: "UTC" } });
    expect(listed.toString()).toMatch(/^-rw-r--r-- 0\/0 +1000 1970-01-01 00:00 plugin\.wasm$/m);
    expect(digestOf(packed)).toBe(
      "sha256:e90112927379d9b5ff3dd19a98e487ea07b6daaf5993d78c083d9396429657b2",
    );
  });

  test.each(["gnu", "pax", "ustar"])(
    "that tar has written as %s, in a folder, is read",
    (format) => {
      const folder = mkdtempSync(join(tmpdir(), "metaproto-tar-"));
      try {
        mkdirSync(join(folder, "a", "b"), { recursive: true });
        writeFileSync(join(folder, "README.md"), "first");
        writeFileSync(join(folder, "a", "b", "plugin.wasm"), bytes(700));
        const options = [`--format=${format}`, "-C", folder, "-cf", "-"];
        const tar = execFileSync("tar", [...options, "README.md", "a"]);
        expect(fileInTar(tar, "plugin.wasm")).toEqual(Buffer.from(bytes(700)));
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
  );

  test("that is cut off or damaged has no file", () => {
    const tar = tarOf("plugin.wasm", bytes(1_000));
    expect(fileInTar(tar.subarray(0, 1_500), "plugin.wasm")).toBeUndefined();
    expect(fileInTar(tar.subarray(0, 300), "plugin.wasm")).toBeUndefined();
    for (const at of [0, 124, 130, 148, 156]) {
      const damaged = Uint8Array.from(tar);
      damaged[at] = 0x39;
      expect(fileInTar(damaged, "plugin.wasm")).toBeUndefined();
    }
  });
});
