// Modules in a real registry of images, by the command; and read by a client that others wrote.
import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { runCommand } from "../../controlplane/cli/testing/run-command.js";
import { buildWasm } from "../../scripts/build-wasm.mjs";
import { describeWith } from "../envoy/support/describe-with.js";
import {
  ImageRegistry,
  REGISTRY_USER,
  missingImageRegistry,
} from "../envoy/support/image-registry.js";

let folder: string;
let module: string;

beforeAll(async () => {
  module = await buildWasm("line");
});

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "metaproto-oci-"));
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** What a command prints as `name  value`. @throws Error with its message when it fails. */
async function fields(...args: string[]): Promise<ReadonlyMap<string, string>> {
  const { code, stdout, stderr } = await runCommand(...args);
  if (code !== 0) throw new Error(stderr);
  const rows = stdout.trimEnd().split("\n");
  return new Map(
    rows.map((row) => {
      const [name = "", ...value] = row.trim().split(/ {2,}/);
      return [name, value.join("  ")];
    }),
  );
}

function writeDockerConfig(address: string, password: string): string {
  const file = join(folder, "config.json");
  const auth = Buffer.from(`${REGISTRY_USER.username}:${password}`).toString("base64");
  writeFileSync(file, JSON.stringify({ auths: { [address]: { auth } } }));
  return file;
}

describeWith("a module in a registry", [missingImageRegistry()], () => {
  let registry: ImageRegistry;

  beforeAll(async () => {
    registry = await ImageRegistry.start();
  });

  afterAll(async () => {
    await registry.stop();
  });

  test("is an image that crane reads, with the file that Istio's agent looks for", async () => {
    const name = `${registry.address}/team/line`;
    const more = [
      "--tag",
      "stable",
      "--module-version",
      "1.0",
      "--source",
      "https://git.example/l",
    ];
    const pushed = await fields("push", module, `oci://${name}:1.0`, ...more);
    const digest = pushed.get("digest") ?? "";
    for (const tag of ["1.0", "stable"]) {
      const seen = (await registry.crane("digest", `${name}:${tag}`)).toString().trim();
      expect(seen).toBe(digest);
    }
    await registry.crane("validate", "--remote", `${name}:1.0`);
    const manifest = JSON.parse((await registry.crane("manifest", `${name}:1.0`)).toString()) as {
      readonly layers: readonly { readonly mediaType: string }[];
      readonly annotations: object;
    };
    expect(manifest.layers.map(({ mediaType }) => mediaType)).toEqual([
      "application/vnd.oci.image.layer.v1.tar+gzip",
    ]);
    expect(manifest.annotations).toEqual({
      "metaprotocol.aeraki.io/module-sha256": pushed.get("sha256"),
      "metaprotocol.aeraki.io/protocol": "line",
      "metaprotocol.aeraki.io/proxy-wasm-abi": "0.2.1",
      "module.wasm.image/variant": "compat",
      "org.opencontainers.image.source": "https://git.example/l",
      "org.opencontainers.image.title": "line",
      "org.opencontainers.image.version": "1.0",
    });
    const tar = await registry.crane("export", `${name}:1.0`, "-");
    const file = execFileSync("tar", ["-xOf", "-", "plugin.wasm"], { input: tar });
    expect(file.equals(readFileSync(module))).toBe(true);
    // The same file again, elsewhere: the same digest.
    const again = await fields("push", module, `oci://${registry.address}/other:x`, ...more);
    expect(again.get("digest")).toBe(digest);
  });

  test("comes back by tag and by digest, in both shapes, and tells what it is", async () => {
    const name = `oci://${registry.address}/team/shapes`;
    const output = join(folder, "pulled.wasm");
    for (const variant of ["compat", "artifact"]) {
      const pushed = await fields("push", module, `${name}:${variant}`, "--variant", variant);
      const digest = pushed.get("digest") ?? "";
      for (const version of [`:${variant}`, `@${digest}`]) {
        const pulled = await fields("pull", `${name}${version}`, "--output", output);
        expect(pulled.get("digest")).toBe(digest);
        expect(readFileSync(output).equals(readFileSync(module))).toBe(true);
      }
      const inspected = await fields("inspect", `${name}:${variant}`);
      expect(inspected.get("variant")).toBe(variant);
      expect(inspected.get("sha256")).toBe(pushed.get("sha256"));
      expect(inspected.get("proxy-wasm ABI")).toBe("0.2.1");
      expect(inspected.get("usable")).toBe("yes");
      await registry.crane("validate", "--remote", `${name.slice("oci://".length)}:${variant}`);
    }
  });

  test("that crane has packed is pulled", async () => {
    const tar = join(folder, "module.tar");
    execFileSync("tar", ["--transform=s/.*/plugin.wasm/", "-C", "/", "-cf", tar, module.slice(1)]);
    const name = `${registry.address}/team/crane:1`;
    await registry.crane("append", "--new_layer", tar, "--new_tag", name);
    const output = join(folder, "pulled.wasm");
    await fields("pull", name, "--output", output);
    expect(readFileSync(output).equals(readFileSync(module))).toBe(true);
  });

  test("whose bytes were changed where they lie is refused, and nothing is written", async () => {
    const name = `oci://${registry.address}/team/tampered`;
    await fields("push", module, `${name}:1`, "--variant", "artifact");
    const { layers } = JSON.parse(
      (await registry.crane("manifest", `${name.slice("oci://".length)}:1`)).toString(),
    ) as { readonly layers: readonly { readonly digest: string }[] };
    const file = registry.blobFile(layers[1]?.digest ?? "");
    const bytes = readFileSync(file);
    const output = join(folder, "pulled.wasm");
    bytes.writeUInt8(bytes.readUInt8(5_000) ^ 1, 5_000);
    writeFileSync(file, bytes);
    await expect(fields("pull", `${name}:1`, "--output", output)).rejects.toThrow(
      /^metaproto: GET .*\/v2\/team\/tampered\/blobs\/sha256:\w+: the content has digest sha256:\w+, not sha256:\w+$/m,
    );
    truncateSync(file, 10_000);
    await expect(fields("pull", `${name}:1`, "--output", output)).rejects.toThrow(/blobs\/sha256/);
    expect(readdirSync(folder)).toEqual([]);
  });

  test("is signed with a key, as cosign signs, and taken only with that signature", async () => {
    const name = `oci://${registry.address}/team/signed`;
    const [own, other] = ["own", "other"].map((key) => {
      const secret = join(folder, `${key}.key`);
      const pem = execFileSync("openssl", [
        "genpkey",
        "-algorithm",
        "EC",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
      ]);
      writeFileSync(secret, pem);
      execFileSync("openssl", [
        "pkey",
        "-in",
        secret,
        "-pubout",
        "-out",
        join(folder, `${key}.pub`),
      ]);
      return { secret, pub: join(folder, `${key}.pub`) };
    });
    if (own === undefined || other === undefined) throw new Error("no keys");
    const { digest } = Object.fromEntries(
      await fields("push", module, `${name}:1`, "--sign-key", own.secret),
    );
    const output = join(folder, "pulled.wasm");
    const pulled = await fields("pull", `${name}:1`, "--output", output, "--verify-key", own.pub);
    expect(pulled.get("signed")).toBe("by the key");
    rmSync(output);
    const refused = fields("pull", `${name}:1`, "--output", output, "--verify-key", other.pub);
    await expect(refused).rejects.toThrow("none of its 1 signatures is by the key");
    await fields("push", module, `${name}:2`, "--module-version", "2");
    const unsigned = fields("pull", `${name}:2`, "--output", output, "--verify-key", own.pub);
    await expect(unsigned).rejects.toThrow("is not signed");
    expect(existsSync(output)).toBe(false);
    // By OpenSSL, from what anybody can read in the registry.
    const tag = `${registry.address}/team/signed:${digest?.replace(":", "-") ?? ""}.sig`;
    const { layers } = JSON.parse((await registry.crane("manifest", tag)).toString()) as {
      readonly layers: readonly {
        readonly digest: string;
        readonly annotations: Readonly<Record<string, string>>;
      }[];
    };
    const payload = await registry.crane(
      "blob",
      `${tag.split(":sha256")[0] ?? ""}@${layers[0]?.digest ?? ""}`,
    );
    const signature = layers[0]?.annotations["dev.cosignproject.cosign/signature"] ?? "";
    writeFileSync(join(folder, "signature"), Buffer.from(signature, "base64"));
    const verify = ["dgst", "-sha256", "-verify", own.pub, "-signature", join(folder, "signature")];
    expect(execFileSync("openssl", verify, { input: payload }).toString()).toBe("Verified OK\n");
    expect(JSON.parse(payload.toString())).toMatchObject({
      critical: {
        image: { "docker-manifest-digest": digest },
        type: "cosign container image signature",
      },
    });
  });

  test("is not pushed when no proxy would take it", async () => {
    const http = await buildWasm("http-headers");
    await expect(fields("push", http, `${registry.address}/team/http:1`)).rejects.toThrow(
      "http-headers.wasm: no module of a protocol: it does not export proxy_on_downstream_data",
    );
    const { code, stdout } = await runCommand("inspect", http);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^usable +no: no module of a protocol/m);
    await expect(registry.crane("digest", `${registry.address}/team/http:1`)).rejects.toThrow();
  });
});

describe.each([["push"], ["pull"]])("%s", (command) => {
  test("says what is wrong with a reference", async () => {
    const args = command === "push" ? [module] : [];
    await expect(fields(command, ...args, "line:1")).rejects.toThrow(
      "metaproto: line:1 is no reference of a module: it must begin with a registry",
    );
  });
});

describeWith("a registry with passwords", [missingImageRegistry()], () => {
  let registry: ImageRegistry;

  beforeAll(async () => {
    registry = await ImageRegistry.start(true);
  });

  afterAll(async () => {
    await registry.stop();
  });

  test("lets in who has one in the Docker configuration", async () => {
    const name = `oci://${registry.address}/team/line:1`;
    const config = writeDockerConfig(registry.address, REGISTRY_USER.password);
    const login = ["--docker-config", config];
    const output = ["--output", join(folder, "pulled.wasm")];
    await fields("push", module, name, ...login);
    await fields("pull", name, ...login, ...output);
    expect(readFileSync(join(folder, "pulled.wasm")).equals(readFileSync(module))).toBe(true);
    const empty = join(folder, "empty.json");
    writeFileSync(empty, "{}");
    await expect(fields("pull", name, "--docker-config", empty, ...output)).rejects.toThrow(
      `manifests/1: 401, and there are no credentials for ${registry.address}`,
    );
    const wrong = writeDockerConfig(registry.address, "a wrong guess");
    const refused = await runCommand("pull", name, "--docker-config", wrong, ...output);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(/manifests\/1: 401 UNAUTHORIZED: authentication required$/m);
    expect(refused.stderr).not.toContain("a wrong guess");
  });
});
