// Where users' projects are made: the packages of this repository, packed and installed as users install them.
import { spawn } from "node:child_process";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const NPM_QUIET = ["--no-audit", "--no-fund", "--ignore-scripts"];

/** Our packages, by the folder that each is packed from. */
const PACKAGES = {
  metaproto: ".",
  "metaproto-as": "assembly",
  "metaproto-test": "wasm-test/kit",
} as const;

export type OwnPackage = keyof typeof PACKAGES;

/** A folder of projects. Call `dispose` in the test's clean-up, always. */
export class Workshop {
  readonly folder = mkdtempSync(join(tmpdir(), "metaproto-workshop-"));
  private readonly packed = new Map<OwnPackage, Promise<string>>();

  /** Path of a project, or of a file in it. */
  path(...parts: readonly string[]): string {
    return join(this.folder, ...parts);
  }

  /** Makes a project with nothing in it. */
  create(project: string): void {
    mkdirSync(this.path(project), { recursive: true });
    writeFileSync(this.path(project, "package.json"), '{ "private": true }\n');
  }

  /** Makes a project of a folder of this repository, without what was built or installed there. */
  copy(source: string, project: string): void {
    cpSync(join(ROOT, source), this.path(project), {
      recursive: true,
      filter: (path) => !/[\\/](node_modules|build)$/.test(path),
    });
  }

  /**
   * Installs packages into a project: ours as files that `npm pack` has made, what those depend
   * on as links to what this repository has, so that no registry is asked.
   */
  async install(project: string, ...wanted: readonly OwnPackage[]): Promise<void> {
    const needed = new Set([...wanted, ...wanted.flatMap(dependencies)]);
    const names = [...needed].filter(isOwn);
    const files = await Promise.all(
      names.map(async (name) => `${name}@file:${await this.pack(name)}`),
    );
    const links = new Set(names.flatMap(dependencies).filter((name) => !isOwn(name)));
    await this.run(
      project,
      ...["npm", "install", "--save-dev", "--offline", ...NPM_QUIET, ...files],
      ...[...links].map((name) => `${name}@file:${join(ROOT, "node_modules", name)}`),
    );
  }

  /**
   * Runs a command in a project to its end.
   *
   * @returns what it printed, errors included.
   * @throws Error with that, if it fails.
   */
  run(project: string, command: string, ...args: readonly string[]): Promise<string> {
    return runIn(this.path(project), command, args);
  }

  dispose(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** The file that users would get from a registry. */
  private pack(name: OwnPackage): Promise<string> {
    const known = this.packed.get(name);
    if (known !== undefined) return known;
    const file = this.packAnew(name);
    this.packed.set(name, file);
    return file;
  }

  private async packAnew(name: OwnPackage): Promise<string> {
    const target = mkdtempSync(this.path("packed-"));
    await runIn(join(ROOT, PACKAGES[name]), "npm", ["pack", "--pack-destination", target]);
    const [file] = readdirSync(target);
    if (file === undefined) throw new Error(`npm pack has made nothing of ${name}`);
    return join(target, file);
  }
}

function isOwn(name: string): name is OwnPackage {
  return Object.hasOwn(PACKAGES, name);
}

/** What a package of ours needs of others to run. */
function dependencies(name: OwnPackage): string[] {
  const file = join(ROOT, PACKAGES[name], "package.json");
  const { dependencies = {}, peerDependencies = {} } = JSON.parse(readFileSync(file, "utf8")) as {
    readonly dependencies?: object;
    readonly peerDependencies?: object;
  };
  return Object.keys({ ...dependencies, ...peerDependencies });
}

/** npm tells its children about the project that it runs in, which is another one here. */
function environment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name)));
}

function runIn(folder: string, command: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: folder,
      env: environment(),
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    const take = (chunk: Buffer): void => {
      output += chunk.toString();
    };
    child.stdout.on("data", take);
    child.stderr.on("data", take);
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0) resolve(output);
      else reject(new Error(`${command} ${args.join(" ")} (${String(code)}):\n${output}`));
    });
  });
}
