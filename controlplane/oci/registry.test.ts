import { type KeyObject, generateKeyPairSync } from "node:crypto";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Credentials } from "./docker-config.js";
import { type ImageVariant, ANNOTATIONS, moduleImage } from "./module-image.js";
import { moduleCode, resolveModule } from "./pull-module.js";
import { pushModule } from "./push-module.js";
import { type Reference, parseReference } from "./reference.js";
import { RegistryClient, type RegistryOptions } from "./registry-client.js";
import { signImage, verifyImage } from "./signature.js";
import { tarOf } from "./tar.js";
import { FakeRegistry, type SeenRequest } from "./testing/fake-registry.js";

const CODE = Uint8Array.from({ length: 70_000 }, (_, index) => index % 251);
const OCI = "application/vnd.oci.image.manifest.v1+json";
const WASM_LAYER = "application/vnd.module.wasm.content.layer.v1+wasm";
const GZIP_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip";
const SECRET = "s3cret";

let registry: FakeRegistry;
const others: FakeRegistry[] = [];

beforeEach(async () => {
  registry = await FakeRegistry.start();
});

afterEach(async () => {
  for (const each of [registry, ...others.splice(0)]) await each.stop();
});

function reference(version = ":1.0"): Reference {
  return parseReference(`oci://${registry.address}/team/line${version}`);
}

async function push(
  variant: ImageVariant = "compat",
  client = new RegistryClient(),
): Promise<string> {
  const image = moduleImage(CODE, { variant, protocol: "line", abi: "0.2.1", annotations: {} });
  await pushModule(client, image, reference(""), ["1.0", "stable"]);
  return image.digest;
}

async function pull(from = reference(), client = new RegistryClient()): Promise<Uint8Array> {
  return moduleCode(client, await resolveModule(client, from));
}

function layered(mediaType: string, content: Uint8Array): object {
  const config = {
    mediaType: "application/vnd.unknown.config.v1+json",
    ...registry.putBlob(Buffer.from("{}")),
  };
  return { schemaVersion: 2, config, layers: [{ mediaType, ...registry.putBlob(content) }] };
}

describe("an image of a module", () => {
  test.each(["compat", "artifact"] as const)(
    "%s comes back as it went, under each tag",
    async (variant) => {
      const digest = await push(variant);
      for (const version of [":1.0", ":stable", `@${digest}`, `:gone@${digest}`]) {
        const resolved = await resolveModule(new RegistryClient(), reference(version));
        expect(resolved).toMatchObject({ variant, reference: { digest } });
        expect(resolved.manifest.annotations[ANNOTATIONS.protocol]).toBe("line");
        expect(Buffer.compare(await pull(reference(version)), CODE)).toBe(0);
      }
    },
  );

  test("has the digest of its content and options, whoever makes it", () => {
    const digests = ["compat", "artifact"].map(
      (variant) =>
        moduleImage(CODE, {
          variant: variant as ImageVariant,
          protocol: "line",
          abi: "0.2.1",
          annotations: { b: "2", a: "1" },
        }).digest,
    );
    expect(digests).toEqual([
      "sha256:f8e4c7d6670b433a4c9b4fe8aba76a69187e56cb226b88232aa830c004262787",
      "sha256:991ab33b55187ebbc340cc4c8b7f6c54a0eb118a158ea8e03ebdde41393acb87",
    ]);
  });

  test("is not pushed again where it is", async () => {
    await push();
    registry.requests.length = 0;
    await push();
    expect(registry.requests.map(({ method }) => method)).toEqual(["HEAD", "HEAD", "PUT", "PUT"]);
  });

  test.each([
    ["wasm-to-oci", OCI, "application/vnd.wasm.content.layer.v1+wasm"],
    ["CNCF's guidance", OCI, "application/wasm"],
  ])("of %s is read", async (_, mediaType, layer) => {
    registry.putManifest("team/line", "1.0", mediaType, layered(layer, CODE));
    expect(Buffer.compare(await pull(), CODE)).toBe(0);
  });

  test("of Docker is read, also behind an index of platforms", async () => {
    const layer = "application/vnd.docker.image.rootfs.diff.tar.gzip";
    const mediaType = "application/vnd.docker.distribution.manifest.v2+json";
    const packed = gzipSync(tarOf("./opt/plugin.wasm", CODE));
    const digest = registry.putManifest("team/line", "docker", mediaType, layered(layer, packed));
    expect(Buffer.compare(await pull(reference(":docker")), CODE)).toBe(0);
    const entry = (platform: object, of: string): object => ({
      mediaType,
      digest: of,
      size: 1,
      platform,
    });
    const index = registry.putManifest(
      "team/line",
      "1.0",
      "application/vnd.oci.image.index.v1+json",
      {
        manifests: [
          entry({ os: "linux", architecture: "arm64" }, `sha256:${"0".repeat(64)}`),
          entry({ os: "linux", architecture: "amd64" }, digest),
        ],
      },
    );
    expect(Buffer.compare(await pull(), CODE)).toBe(0);
    // What a signature is about, and what a pinned reference names.
    expect((await resolveModule(new RegistryClient(), reference())).reference.digest).toBe(index);
  });
});

describe("what is no module is refused, and told", () => {
  test.each<[string, () => void, RegExp]>([
    [
      "nothing",
      () => undefined,
      /GET 127\.0\.0\.1:\d+\/v2\/team\/line\/manifests\/1\.0: 404 MANIFEST_UNKNOWN: manifest unknown$/,
    ],
    [
      "other layers",
      () => registry.putManifest("team/line", "1.0", OCI, layered("text/plain", CODE)),
      /team\/line:1\.0 is no module: its layers are text\/plain$/,
    ],
    [
      "no layers at all",
      () => registry.putManifest("team/line", "1.0", OCI, { schemaVersion: 2 }),
      /the manifest has no layers$/,
    ],
    [
      "a manifest that is no JSON",
      () =>
        registry.manifests.set("team/line:1.0", { mediaType: OCI, content: Buffer.from("<html>") }),
      /the manifest is no JSON$/,
    ],
    [
      "a layer without plugin.wasm",
      () =>
        registry.putManifest(
          "team/line",
          "1.0",
          OCI,
          layered(GZIP_LAYER, gzipSync(tarOf("filter.wasm", CODE))),
        ),
      /has no file plugin\.wasm$/,
    ],
    [
      "a layer that is no gzip",
      () => registry.putManifest("team/line", "1.0", OCI, layered(GZIP_LAYER, CODE)),
      /cannot be unpacked: incorrect header check$/,
    ],
    [
      "a layer that unpacks to more than fits",
      () =>
        registry.putManifest(
          "team/line",
          "1.0",
          OCI,
          layered(GZIP_LAYER, gzipSync(Buffer.alloc(70 << 20))),
        ),
      /cannot be unpacked: Cannot create a Buffer larger than/,
    ],
    [
      "a layer that says it is longer than fits",
      () => {
        const layers = [
          { mediaType: WASM_LAYER, digest: `sha256:${"0".repeat(64)}`, size: 1 << 30 },
        ];
        registry.putManifest("team/line", "1.0", OCI, { config: layers[0], layers });
      },
      /a layer has 1073741824 bytes, more than the 67108864 allowed$/,
    ],
    [
      "a layer that is longer than it says",
      () => {
        const { digest } = registry.putBlob(CODE);
        const layers = [{ mediaType: WASM_LAYER, digest, size: 10 }];
        registry.putManifest("team/line", "1.0", OCI, { config: layers[0], layers });
      },
      /the answer is longer than 10 bytes$/,
    ],
    [
      "a layer whose bytes were changed",
      () => {
        registry.putManifest("team/line", "1.0", OCI, layered(WASM_LAYER, CODE));
        for (const digest of registry.blobs.keys())
          registry.blobs.set(digest, Buffer.alloc(CODE.length));
      },
      /the content has digest sha256:[0-9a-f]{64}, not sha256:[0-9a-f]{64}$/,
    ],
  ])("%s", async (_, prepare, message) => {
    prepare();
    await expect(pull()).rejects.toThrow(message);
  });

  test("a manifest that is not what its digest says", async () => {
    const digest = await push();
    const content = Buffer.from('{"layers": []}');
    registry.manifests.set(`team/line:${digest}`, { mediaType: OCI, content });
    await expect(pull(reference(`@${digest}`))).rejects.toThrow(`not ${digest}`);
  });

  test("an answer that breaks off", async () => {
    await push("artifact");
    registry.intercept = ({ path }, response) => {
      if (!path.includes("/blobs/")) return false;
      response.writeHead(200, { "content-length": CODE.length });
      response.write(CODE.subarray(0, 100), () => response.destroy());
      return true;
    };
    await expect(pull()).rejects.toThrow(/blobs\/sha256:[0-9a-f]+: the answer ended early/);
  });

  test("an answer that does not come", async () => {
    registry.intercept = () => true;
    const client = new RegistryClient({ timeoutMs: 50 });
    await expect(pull(reference(), client)).rejects.toThrow("manifests/1.0: no answer in time");
  });

  test("a registry that nobody listens for", async () => {
    const gone = await FakeRegistry.start();
    const { address } = gone;
    await gone.stop();
    const name = parseReference(`${address}/team/line`);
    await expect(pull(name)).rejects.toThrow(/manifests\/latest: connect ECONNREFUSED/);
  });
});

describe("a registry that asks who is there", () => {
  const ann: Credentials = { kind: "password", username: "ann", password: SECRET };
  const basic = `Basic ${Buffer.from(`ann:${SECRET}`).toString("base64")}`;

  function client(
    credentials: Credentials | undefined,
    options: RegistryOptions = {},
  ): RegistryClient {
    return new RegistryClient({
      ...options,
      credentials: (asked) => Promise.resolve(asked === registry.address ? credentials : undefined),
    });
  }

  /** Lets in who shows `wanted`; tokens are given to `mayHaveToken`. */
  function guard(
    challenge: string,
    wanted: string,
    mayHaveToken?: (request: SeenRequest) => boolean,
  ): void {
    registry.intercept = (request, response) => {
      if (request.path.startsWith("/token")) {
        if (mayHaveToken?.(request) === true) response.end(JSON.stringify({ token: "t0ken" }));
        else response.writeHead(401).end();
        return true;
      }
      if (request.authorization === wanted) return false;
      response.writeHead(401, { "www-authenticate": challenge }).end();
      return true;
    };
  }

  const bearer = (): string => `Bearer realm="http://${registry.address}/token",service="reg"`;

  test("for a password gets it, once it has asked", async () => {
    guard('Basic realm="x"', basic);
    const own = client(ann);
    await push("compat", own);
    expect(Buffer.compare(await pull(reference(), own), CODE)).toBe(0);
    const refused = registry.requests.filter(({ authorization }) => authorization === undefined);
    expect(refused.map(({ method }) => method)).toEqual(["HEAD", "GET"]);
  });

  test("for a token gets one from its authorization server, for what is asked", async () => {
    guard(bearer(), "Bearer t0ken", ({ authorization }) => authorization === basic);
    await push("compat", client(ann));
    const [asked] = registry.requests.filter(({ path }) => path.startsWith("/token"));
    const { searchParams } = new URL(asked?.path ?? "", "http://x");
    expect(Object.fromEntries(searchParams)).toEqual({
      service: "reg",
      scope: "repository:team/line:pull,push",
    });
  });

  test("gets an identity token exchanged", async () => {
    guard(bearer(), "Bearer t0ken", ({ method, body }) => {
      const form = new URLSearchParams(body);
      const isRefresh = form.get("grant_type") === "refresh_token";
      return method === "POST" && isRefresh && form.get("refresh_token") === SECRET;
    });
    await push("compat", client({ kind: "identityToken", token: SECRET }));
  });

  test("gets a registry token as it is", async () => {
    guard(bearer(), `Bearer ${SECRET}`);
    await push("compat", client({ kind: "registryToken", token: SECRET }));
  });

  test("gives everybody a token for what everybody may have", async () => {
    guard(bearer(), "Bearer t0ken", ({ authorization }) => authorization === undefined);
    await push("compat", client(undefined));
  });

  test.each<[string, Credentials | undefined, () => string, RegExp]>([
    ["nothing to show", undefined, () => "Basic", /401, and there are no credentials for 127/],
    [
      "a wrong password",
      { ...ann, password: `${SECRET}!` },
      () => "Basic",
      /manifests\/1\.0: 401$/,
    ],
    ["a refused token", ann, bearer, /GET 127\.0\.0\.1:\d+\/token: 401$/],
    ["another way", ann, () => "Negotiate", /401, in a way that is not supported$/],
    [
      "a token server that is not told",
      ann,
      () => "Bearer",
      /without an address to get a token from$/,
    ],
    [
      "a token server without https",
      ann,
      () => 'Bearer realm="http://auth.example/token"',
      /GET auth\.example\/token: http is not allowed here, only https$/,
    ],
  ])("%s is told, and nothing secret", async (_, credentials, challenge, message) => {
    guard(challenge(), basic);
    const error = await pull(reference(), client(credentials)).catch(String);
    expect(error).toMatch(message);
    expect(error).not.toContain(SECRET);
    expect(error).not.toContain(Buffer.from(`ann:${SECRET}`).toString("base64"));
  });

  test("shows it to nobody whom it is sent on to, and tells no key of theirs", async () => {
    const own = client(ann);
    guard('Basic realm="x"', basic);
    await push("artifact", own);
    const storage = await FakeRegistry.start();
    others.push(storage);
    storage.putBlob(CODE);
    let answer: "blob" | "refusal" = "blob";
    storage.intercept = (_, response) => {
      if (answer === "blob") response.end(CODE);
      else response.writeHead(403).end();
      return true;
    };
    registry.intercept = ({ path }, response) => {
      if (!path.includes("/blobs/")) return false;
      response.writeHead(307, { location: `http://${storage.address}/x?key=${SECRET}` }).end();
      return true;
    };
    expect(Buffer.compare(await pull(reference(), own), CODE)).toBe(0);
    answer = "refusal";
    const error = await pull(reference(), own).catch(String);
    expect(error).toMatch(/GET 127\.0\.0\.1:\d+\/x: 403$/);
    expect(storage.requests.map(({ authorization }) => authorization)).toEqual([
      undefined,
      undefined,
    ]);
  });

  test("may not send on to plain http elsewhere, nor for ever", async () => {
    await push("artifact");
    const to = (location: string): void => {
      registry.intercept = ({ path }, response) => {
        if (path.includes("/manifests/")) return false;
        response.writeHead(307, { location }).end();
        return true;
      };
    };
    to("http://storage.example/x");
    await expect(pull()).rejects.toThrow("GET storage.example/x: http is not allowed here");
    to("file:///etc/passwd");
    await expect(pull()).rejects.toThrow("file is not allowed here, only https");
    to("/round");
    await expect(pull()).rejects.toThrow("it is sent on too often");
  });
});

describe("signatures", () => {
  const keys = (): { publicKey: KeyObject; privateKey: KeyObject } =>
    generateKeyPairSync("ec", { namedCurve: "prime256v1" });

  test("are accepted from the key that is asked for only, and added once", async () => {
    const digest = await push();
    const signed = { ...reference(), digest };
    const [ours, theirs] = [keys(), keys()];
    const client = new RegistryClient();
    await expect(verifyImage(client, signed, ours.publicKey)).rejects.toThrow("is not signed");
    await signImage(client, signed, theirs.privateKey);
    await expect(verifyImage(client, signed, ours.publicKey)).rejects.toThrow(
      "none of its 1 signatures is by the key that is asked for",
    );
    await signImage(client, signed, ours.privateKey);
    await signImage(client, signed, ours.privateKey);
    await verifyImage(client, signed, ours.publicKey);
    await verifyImage(client, signed, theirs.publicKey);
    const tag = `sha256-${digest.slice("sha256:".length)}.sig`;
    const manifest = registry.manifests.get(`team/line:${tag}`)?.content.toString() ?? "";
    expect((JSON.parse(manifest) as { layers: unknown[] }).layers).toHaveLength(2);
  });

  test("of one image say nothing about another", async () => {
    const { privateKey, publicKey } = keys();
    const client = new RegistryClient();
    const signed = { ...reference(), digest: await push() };
    await signImage(client, signed, privateKey);
    const other = { ...reference(), digest: await push("artifact") };
    const tag = ({ digest }: { digest: string }): string =>
      `team/line:${digest.replace(":", "-")}.sig`;
    const copied = registry.manifests.get(tag(signed));
    if (copied === undefined) throw new Error("there is no signature");
    registry.manifests.set(tag(other), copied);
    await expect(verifyImage(client, other, publicKey)).rejects.toThrow("none of its 1 signatures");
  });
});
