import { mkdir, mkdtemp, open, rename, rm, symlink, unlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Configuration } from "../../api/configuration.js";
import { formatFault } from "../../api/fault.js";
import { DirectoryStore, type DirectoryStoreOptions } from "./directory-store.js";
import { loadDirectory } from "./load-directory.js";

const DEADLINE_MS = 60_000;
/** Longer than any test. */
const NEVER_MS = 3_600_000;

let directory: string;
let store: DirectoryStore | undefined;
let snapshots: Configuration[];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "directory-store-"));
  snapshots = [];
});

afterEach(async () => {
  store?.stop();
  store = undefined;
  await rm(directory, { recursive: true, force: true });
});

/** A resource whose version can be told: `address` differs. */
function workload(name: string, address: string): string {
  return `apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata:
  name: ${name}
spec:
  address: ${address}
`;
}

async function write(path: string, ...documents: string[]): Promise<void> {
  await writeFile(join(directory, path), documents.join("---\n"));
}

/** Without looks at regular intervals, so that events are what is tested, unless a test is about those. */
async function start(options: DirectoryStoreOptions = {}): Promise<Configuration> {
  store = new DirectoryStore(directory, { pollMs: NEVER_MS, ...options });
  store.onSnapshot((configuration) => snapshots.push(configuration));
  return store.start();
}

/** `name=address` of all resources, in order. */
function stateOf({ resources }: Configuration): string {
  return resources
    .map((resource) =>
      resource.kind === "WorkloadEntry"
        ? `${resource.metadata.name}=${resource.spec.address}`
        : resource.kind,
    )
    .join(" ");
}

function faultsOf({ faults }: Configuration): string[] {
  return faults.map((fault) =>
    formatFault({ ...fault, file: relative(directory, fault.file ?? "") }),
  );
}

function latest(): Configuration {
  const configuration = snapshots.at(-1);
  if (configuration === undefined) throw new Error("no snapshot yet");
  return configuration;
}

/** Waits until the latest snapshot is as expected. */
async function eventually(isExpected: (configuration: Configuration) => boolean): Promise<void> {
  const begin = performance.now();
  while (!isExpected(latest())) {
    if (performance.now() - begin > DEADLINE_MS)
      throw new Error(`still ${stateOf(latest())}, ${faultsOf(latest()).join("; ")}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Waits until the looks that follow a change are over, so that only an event can tell of the next one. */
async function settled(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 500));
}

async function eventuallyHas(state: string): Promise<void> {
  await eventually((configuration) => stateOf(configuration) === state);
}

describe("a directory", () => {
  it("is read with all that is below it, in order of paths", async () => {
    await mkdir(join(directory, "sub", "deep"), { recursive: true });
    await write("b.yaml", workload("b1", "10.0.0.1"), workload("b2", "10.0.0.2"));
    await write("a.yml", workload("a", "10.0.0.3"));
    await write("sub/deep/c.json", JSON.stringify({ ...wl("c"), spec: { address: "10.0.0.4" } }));
    await write("notes.txt", "not: [a resource");
    await write(".b.yaml.swp", "not: [a resource");
    await write("b.yaml~", "not: [a resource");
    const configuration = await loadDirectory(directory);
    expect(stateOf(configuration)).toBe("a=10.0.0.3 b1=10.0.0.1 b2=10.0.0.2 c=10.0.0.4");
    expect(faultsOf(configuration)).toEqual([]);
  });

  it("has its faults reported with file, line, resource and field", async () => {
    await write("a.yaml", workload("good", "10.0.0.1"), workload("bad", "unix:///run/x"));
    await write("b.yaml", "kind: [");
    await write("c.yaml", "apiVersion: networking.istio.io/v1\nkind: WorkloadEntry\nspec: {}\n");
    await write("d.yaml", workload("good", "10.0.0.9"));
    await write("e.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: x }\n");
    const configuration = await loadDirectory(directory);
    expect(stateOf(configuration)).toBe("good=10.0.0.1");
    expect(faultsOf(configuration)).toEqual([
      "a.yaml:13: WorkloadEntry/bad: spec.address: is a Unix domain socket, which is not supported: use TCP",
      "b.yaml:1: Flow sequence in block collection must be sufficiently indented and end with a ]",
      "c.yaml:1: WorkloadEntry: metadata: is required",
      "c.yaml:3: WorkloadEntry: spec.address: is required",
      `d.yaml:4: WorkloadEntry/good: metadata.name: is already defined at ${join(directory, "a.yaml")}:1`,
    ]);
    expect(configuration.warnings.map((warning) => warning.message)).toEqual([
      "resources of the kind ConfigMap of v1 are not read; this one has no effect",
    ]);
  });

  it("that is not there is refused", async () => {
    await expect(loadDirectory(join(directory, "nobody"))).rejects.toThrow(/ENOENT/);
    store = new DirectoryStore(join(directory, "nobody"));
    await expect(store.start()).rejects.toThrow(/ENOENT/);
  });

  it("may contain itself by a link", async () => {
    await write("a.yaml", workload("a", "10.0.0.1"));
    await symlink(directory, join(directory, "again"));
    expect(stateOf(await loadDirectory(directory))).toBe("a=10.0.0.1");
  });
});

function wl(name: string) {
  return { apiVersion: "networking.istio.io/v1", kind: "WorkloadEntry", metadata: { name } };
}

describe("a store", () => {
  it("tells its listeners of the first configuration before it has started", async () => {
    await write("a.yaml", workload("a", "10.0.0.1"));
    const first = await start();
    expect(snapshots).toEqual([first]);
    expect(stateOf(first)).toBe("a=10.0.0.1");
  });

  it("follows edits in place", async () => {
    await write("a.yaml", workload("a", "10.0.0.1"));
    await start();
    for (let round = 2; round < 7; round++) {
      await write("a.yaml", workload("a", `10.0.0.${round}`));
      await eventuallyHas(`a=10.0.0.${round}`);
    }
  });

  it("follows editors that write another file and rename it, or move the old one away first", async () => {
    await write("a.yaml", workload("a", "10.0.0.1"));
    await start({ removalDelayMs: NEVER_MS });
    await write("a.yaml.tmp", workload("a", "10.0.0.2"));
    await rename(join(directory, "a.yaml.tmp"), join(directory, "a.yaml"));
    await eventuallyHas("a=10.0.0.2");
    await rename(join(directory, "a.yaml"), join(directory, "a.yaml~"));
    await write("a.yaml", workload("a", "10.0.0.3"));
    await eventuallyHas("a=10.0.0.3");
    expect(snapshots.map(stateOf)).not.toContain("");
  });

  it("does not wait for more of a file that is renamed into its place", async () => {
    await write("a.yaml", workload("a", "10.0.0.1"));
    await start({ quietMs: NEVER_MS, maxDelayMs: NEVER_MS });
    await write("a.tmp", workload("a", "10.0.0.2"));
    await rename(join(directory, "a.tmp"), join(directory, "a.yaml"));
    await eventuallyHas("a=10.0.0.2");
  });

  it("reads a file that is written in pieces once it is whole", async () => {
    const before = workload("a", "10.0.0.1") + "---\n" + workload("b", "10.0.0.1");
    await write("a.yaml", before);
    await start({ quietMs: 3_000, maxDelayMs: NEVER_MS });
    const file = await open(join(directory, "a.yaml"), "w");
    for (const piece of [
      workload("a", "10.0.0.2"),
      "---\n",
      workload("b", "10.0.0.2"),
      "---\n",
      workload("c", "10.0.0.2"),
    ]) {
      await file.write(piece);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    await file.close();
    await eventuallyHas("a=10.0.0.2 b=10.0.0.2 c=10.0.0.2");
    expect(snapshots.map(stateOf)).toEqual([
      "a=10.0.0.1 b=10.0.0.1",
      "a=10.0.0.2 b=10.0.0.2 c=10.0.0.2",
    ]);
  });

  it("follows Kubernetes, which swaps a link to a directory", async () => {
    for (const version of ["1", "2"]) {
      await mkdir(join(directory, `..v${version}`));
      await write(`..v${version}/a.yaml`, workload("a", `10.0.0.${version}`));
    }
    await symlink("..v1", join(directory, "..data"));
    await symlink("..data/a.yaml", join(directory, "a.yaml"));
    expect(stateOf(await start())).toBe("a=10.0.0.1");
    await symlink("..v2", join(directory, "..data_tmp"));
    await rename(join(directory, "..data_tmp"), join(directory, "..data"));
    await eventuallyHas("a=10.0.0.2");
    await rm(join(directory, "..v1"), { recursive: true });
    await settled();
    await write("..v2/a.yaml", workload("a", "10.0.0.3"));
    await eventuallyHas("a=10.0.0.3");
  });

  it("follows new and renamed directories", async () => {
    await start();
    await mkdir(join(directory, "x", "y"), { recursive: true });
    await write("x/y/a.yaml", workload("a", "10.0.0.1"));
    await eventuallyHas("a=10.0.0.1");
    await settled();
    await write("x/y/a.yaml", workload("a", "10.0.0.2"));
    await eventuallyHas("a=10.0.0.2");
    await rename(join(directory, "x"), join(directory, "z"));
    await write("z/y/a.yaml", workload("a", "10.0.0.3"));
    await eventuallyHas("a=10.0.0.3");
    expect(faultsOf(latest())).toEqual([]);
  });

  it("follows a directory that another one has taken the place of", async () => {
    await mkdir(join(directory, "x"));
    await write("x/a.yaml", workload("a", "10.0.0.1"));
    await start();
    await mkdir(join(directory, ".next"));
    await write(".next/a.yaml", workload("a", "10.0.0.2"));
    await rename(join(directory, "x"), join(directory, ".last"));
    await rename(join(directory, ".next"), join(directory, "x"));
    await eventuallyHas("a=10.0.0.2");
    await settled();
    await write("x/a.yaml", workload("a", "10.0.0.3"));
    await eventuallyHas("a=10.0.0.3");
  });

  it("removes the resources of a file that is deleted, and those taken out of a file", async () => {
    await write("a.yaml", workload("a", "10.0.0.1"));
    await write("b.yaml", workload("b", "10.0.0.2"), workload("c", "10.0.0.3"));
    await start();
    await unlink(join(directory, "a.yaml"));
    await eventuallyHas("b=10.0.0.2 c=10.0.0.3");
    await write("b.yaml", workload("c", "10.0.0.3"));
    await eventuallyHas("c=10.0.0.3");
    await write("b.yaml", "");
    await eventuallyHas("");
    expect(faultsOf(latest())).toEqual([]);
  });

  it("does not believe for a while that a file is gone or empty, since programs write so", async () => {
    await write("a.yaml", workload("a", "10.0.0.1"), workload("b", "10.0.0.1"));
    await write("z.yaml", workload("z", "10.0.0.1"));
    await start({ removalDelayMs: NEVER_MS });
    // As the other file shows, the directory is read while the file is cut short, and while it is gone.
    await write("a.yaml", workload("a", "10.0.0.1"));
    await write("z.yaml", workload("z", "10.0.0.2"));
    await eventuallyHas("a=10.0.0.1 b=10.0.0.1 z=10.0.0.2");
    await unlink(join(directory, "a.yaml"));
    await write("z.yaml", workload("z", "10.0.0.3"));
    await eventuallyHas("a=10.0.0.1 b=10.0.0.1 z=10.0.0.3");
    await write("a.yaml", workload("a", "10.0.0.2"), workload("b", "10.0.0.2"));
    await eventuallyHas("a=10.0.0.2 b=10.0.0.2 z=10.0.0.3");
    for (const state of snapshots.map(stateOf)) expect(state).toMatch(/^a=.* b=.* z=/);
  });

  it("follows a resource from one file to another without a gap or a fault", async () => {
    await write("a.yaml", workload("a", "10.0.0.1"));
    await start();
    await rename(join(directory, "a.yaml"), join(directory, "b.yaml"));
    await write("b.yaml", workload("a", "10.0.0.2"));
    await eventuallyHas("a=10.0.0.2");
    for (const snapshot of snapshots) {
      expect(stateOf(snapshot)).toMatch(/^a=/);
      expect(faultsOf(snapshot)).toEqual([]);
    }
  });

  it("keeps a resource that becomes bad, takes the rest of the edit, and takes the cure", async () => {
    await write("a.yaml", workload("a", "10.0.0.1"), workload("b", "10.0.0.1"));
    await start();
    await write("a.yaml", workload("a", "10.0.0.2"), workload("b", "no address"));
    await eventuallyHas("a=10.0.0.2 b=10.0.0.1");
    expect(faultsOf(latest())).toEqual([
      "a.yaml:13: WorkloadEntry/b: spec.address: `no address` is not a host name: its part `no address` must consist of letters, digits and `-`, and begin and end with a letter or digit; and it is not an IP address either; the version before stays in effect",
    ]);
    await write("a.yaml", workload("a", "10.0.0.2"), workload("b", "still none"));
    await eventually((snapshot) => (faultsOf(snapshot)[0] ?? "").includes("still none"));
    expect(stateOf(latest())).toBe("a=10.0.0.2 b=10.0.0.1");
    await write("a.yaml", workload("a", "10.0.0.2"), workload("b", "10.0.0.3"));
    await eventuallyHas("a=10.0.0.2 b=10.0.0.3");
    expect(faultsOf(latest())).toEqual([]);
  });

  it("keeps all of a file that is no YAML any more, or half written", async () => {
    await write("a.yaml", workload("a", "10.0.0.1"), workload("b", "10.0.0.1"));
    await start();
    await write("a.yaml", workload("a", "10.0.0.2"), "spec: {");
    await eventually((snapshot) => snapshot.faults.length > 0);
    expect(stateOf(latest())).toBe("a=10.0.0.1 b=10.0.0.1");
    expect(faultsOf(latest()).at(-1)).toMatch(
      /^a\.yaml:\d+: .*the version before stays in effect$/,
    );
    await write("a.yaml", workload("a", "10.0.0.3"));
    await eventuallyHas("a=10.0.0.3");
  });

  it("keeps what a document without a name may have been", async () => {
    await write("a.yaml", workload("a", "10.0.0.1"), workload("b", "10.0.0.1"));
    await start();
    await write("a.yaml", workload("a", "10.0.0.2"), workload("''", "10.0.0.2"));
    await eventuallyHas("a=10.0.0.2 b=10.0.0.1");
    expect(faultsOf(latest())).toEqual([
      "a.yaml:11: WorkloadEntry: metadata.name: must not be empty",
    ]);
  });

  it("keeps everything while the directory itself is away", async () => {
    const away = `${directory}-away`;
    await write("a.yaml", workload("a", "10.0.0.1"));
    await start();
    await rename(directory, away);
    try {
      await eventually((snapshot) => snapshot.faults.length > 0);
      expect(stateOf(latest())).toBe("a=10.0.0.1");
      expect(latest().faults[0]?.message).toMatch(
        /^cannot be read, everything stays as it was: ENOENT/,
      );
    } finally {
      await rename(away, directory);
    }
    await write("a.yaml", workload("a", "10.0.0.2"));
    await eventuallyHas("a=10.0.0.2");
    expect(latest().faults).toEqual([]);
  });

  it("follows a directory that is deleted and made again", async () => {
    await write("a.yaml", workload("a", "10.0.0.1"));
    await start();
    await rm(directory, { recursive: true });
    await eventually((snapshot) => snapshot.faults.length > 0);
    await mkdir(directory);
    await write("a.yaml", workload("a", "10.0.0.2"));
    await eventuallyHas("a=10.0.0.2");
    await settled();
    await write("a.yaml", workload("a", "10.0.0.3"));
    await eventuallyHas("a=10.0.0.3");
  });

  it("looks at regular intervals where nothing tells of changes", async () => {
    const other = await mkdtemp(join(tmpdir(), "directory-store-"));
    try {
      // A link to a link: the directory of the second one is not watched.
      for (const [name, address] of [
        ["1", "10.0.0.1"],
        ["2", "10.0.0.2"],
      ] as const)
        await writeFile(join(other, `${name}.yaml`), workload("a", address));
      await mkdir(join(other, "links"));
      await symlink("../1.yaml", join(other, "links", "current.yaml"));
      await symlink(join(other, "links", "current.yaml"), join(directory, "a.yaml"));
      await start({ pollMs: 50 });
      await symlink("../2.yaml", join(other, "links", "next.yaml"));
      await rename(join(other, "links", "next.yaml"), join(other, "links", "current.yaml"));
      await eventuallyHas("a=10.0.0.2");
    } finally {
      await rm(other, { recursive: true });
    }
  });

  it("tells of many changes at once", async () => {
    await start({ quietMs: 1_000, maxDelayMs: NEVER_MS });
    for (let round = 0; round < 50; round++)
      await write(`${round % 10}.yaml`, workload(`w${round % 10}`, `10.0.0.${round}`));
    const expected = Array.from({ length: 10 }, (_, n) => `w${n}=10.0.0.${40 + n}`).join(" ");
    await eventuallyHas(expected);
    expect(snapshots.length).toBeLessThan(10);
  });

  it("is told of by nobody after it has stopped", async () => {
    await write("a.yaml", workload("a", "10.0.0.1"));
    await start();
    store?.stop();
    await write("a.yaml", workload("a", "10.0.0.2"));
    const other = new DirectoryStore(directory);
    const seen: string[] = [];
    other.onSnapshot((configuration) => seen.push(stateOf(configuration)));
    await other.start();
    other.stop();
    expect(seen).toEqual(["a=10.0.0.2"]);
    expect(snapshots.map(stateOf)).toEqual(["a=10.0.0.1"]);
  });
});
