import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Credentials, dockerCredentials } from "./docker-config.js";

const SECRET = "s3cret";
const PATH = process.env["PATH"] ?? "";
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "metaproto-docker-"));
});

afterEach(() => {
  process.env["PATH"] = PATH;
  rmSync(folder, { recursive: true, force: true });
});

function find(config: unknown, registry: string): Promise<Credentials | undefined> {
  const file = join(folder, "config.json");
  writeFileSync(file, typeof config === "string" ? config : JSON.stringify(config));
  return dockerCredentials(file)(registry);
}

/** A helper that answers what it was asked for. */
function helper(name: string, script: string): void {
  const file = join(folder, `docker-credential-${name}`);
  writeFileSync(file, `#!/bin/sh\nread -r key\n${script}\n`);
  chmodSync(file, 0o755);
  process.env["PATH"] = `${folder}:${PATH}`;
}

const auth = Buffer.from(`ann:${SECRET}:x`).toString("base64");
const password = { kind: "password", username: "ann", password: `${SECRET}:x` };

describe("credentials of a Docker configuration", () => {
  test.each([
    [{ auths: { "registry.example:5000": { auth } } }, "registry.example:5000", password],
    [{ auths: { "https://registry.example/v1/": { auth } } }, "registry.example", password],
    [{ auths: { "registry.example/team": { auth } } }, "registry.example", password],
    [{ auths: { "https://index.docker.io/v1/": { auth } } }, "docker.io", password],
    [{ auths: { "registry.example": { auth } } }, "registry.example:5000", undefined],
    [{ auths: { "registry.example": { auth } } }, "other.example", undefined],
    [{ auths: { "registry.example": {} } }, "registry.example", undefined],
    [
      { auths: { "registry.example": { username: "ann", password: "p" } } },
      "registry.example",
      { kind: "password", username: "ann", password: "p" },
    ],
    [
      { auths: { "registry.example": { auth, identitytoken: "t" } } },
      "registry.example",
      { kind: "identityToken", token: "t" },
    ],
    [
      { auths: { "registry.example": { registrytoken: "t" } } },
      "registry.example",
      { kind: "registryToken", token: "t" },
    ],
    [[], "registry.example", undefined],
  ])("%j for %s", async (config, registry, expected) => {
    expect(await find(config, registry)).toEqual(expected);
  });

  test("come from the helper of the registry, or of all", async () => {
    helper("own", `printf '{"ServerURL":"%s","Username":"%s","Secret":"p"}' "$key" "$key"`);
    helper("all", `printf '{"Username":"<token>","Secret":"t"}'`);
    const config = { credHelpers: { "registry.example": "own" }, credsStore: "all" };
    expect(await find(config, "registry.example")).toEqual({
      kind: "password",
      username: "registry.example",
      password: "p",
    });
    expect(await find(config, "other.example")).toEqual({ kind: "identityToken", token: "t" });
  });

  test("are those of the file where the helper has none", async () => {
    helper("none", "echo 'credentials not found in native keychain'; exit 1");
    const config = { credsStore: "none", auths: { "registry.example": { auth } } };
    expect(await find(config, "registry.example")).toEqual(password);
    expect(await find(config, "other.example")).toBeUndefined();
  });

  test.each([
    [
      "echo broken s3cret; exit 1",
      /docker-credential-x get failed for registry\.example \(exit code 1\)$/,
    ],
    ["echo s3cret", /docker-credential-x get has not answered JSON for registry\.example$/],
  ])("a helper that does `%s` is told, without what it said", async (script, message) => {
    helper("x", script);
    const error = await find({ credsStore: "x" }, "registry.example").catch(String);
    expect(error).toMatch(message);
    expect(error).not.toContain(SECRET);
  });

  test("a helper that is not there, or whose name is a path, is told", async () => {
    await expect(find({ credsStore: "missing" }, "r.example")).rejects.toThrow(
      "docker-credential-missing",
    );
    await expect(find({ credsStore: "../x" }, "r.example")).rejects.toThrow("is not one");
  });

  test("a file that is none is told, without what is in it", async () => {
    const error = await find(`{ "auths": "${SECRET}`, "r.example").catch(String);
    expect(error).toMatch(/config\.json is no JSON$/);
    await expect(dockerCredentials(join(folder, "missing.json"))("r.example")).rejects.toThrow(
      "missing.json",
    );
  });
});
