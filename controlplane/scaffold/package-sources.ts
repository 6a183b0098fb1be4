// Where projects have our packages from: a registry, or the checkout that the command is run from.
import { existsSync, realpathSync } from "node:fs";
import { basename, dirname, join, relative, sep } from "node:path";

/** As the dependencies of a package.json name them; keys are those of templates. */
export interface PackageSources extends Readonly<Record<string, string>> {
  readonly command: string;
  readonly dataPlane: string;
  readonly testKit: string;
}

/** In a checkout of this repository. */
const FOLDERS: PackageSources = { command: ".", dataPlane: "assembly", testKit: "wasm-test/kit" };

/**
 * @param root folder of this package.
 * @param version of this package, which all of them share.
 * @param folder of the project, which need not exist.
 */
export function packageSources(root: string, version: string, folder: string): PackageSources {
  const isCheckout = Object.values(FOLDERS).every((path) =>
    existsSync(join(root, path, "package.json")),
  );
  const from = isCheckout ? realFolder(folder) : "";
  const source = (path: string): string =>
    isCheckout ? `file:${relative(from, join(root, path)).replaceAll(sep, "/")}` : `^${version}`;
  return {
    command: source(FOLDERS.command),
    dataPlane: source(FOLDERS.dataPlane),
    testKit: source(FOLDERS.testKit),
  };
}

/** The path of a folder without symbolic links, which npm follows before it goes up. */
function realFolder(folder: string): string {
  if (existsSync(folder)) return realpathSync(folder);
  const parent = dirname(folder);
  return parent === folder ? folder : join(realFolder(parent), basename(folder));
}
