// Writes a project from folders of templates: ordinary files, in which `__word__` stands for a value, also in their
// names.
import { mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { dirname, join, relative, sep } from "node:path";

export interface ProjectOptions {
  /** Folders of templates; a file of a later one takes the place of an earlier one's. */
  readonly templates: readonly string[];
  /** By word: `{ name: "quota" }` replaces `__name__`. */
  readonly values: Readonly<Record<string, string>>;
  /** Where the project is to be; must not exist. */
  readonly folder: string;
}

const PLACEHOLDER = /__([a-zA-Z]+)__/g;
/** Package managers leave files out, or treat them as their own, that are called so in a package. */
const SHIPPED_NAMES: Readonly<Record<string, string>> = { gitignore: ".gitignore" };

/**
 * Writes all files or none.
 *
 * @returns their paths in the project, sorted.
 * @throws Error when the folder exists, or cannot be written.
 */
export async function writeProject(options: ProjectOptions): Promise<string[]> {
  const files = await projectFiles(options);
  const { folder } = options;
  await mkdir(dirname(folder), { recursive: true });
  try {
    await mkdir(folder);
  } catch (error) {
    const isThere = (error as NodeJS.ErrnoException).code === "EEXIST";
    throw isThere ? new Error(`${folder} exists already; nothing was written`) : error;
  }
  try {
    for (const [path, text] of files) {
      const file = join(folder, path);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, text, { flag: "wx" });
    }
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
  return [...files.keys()].sort();
}

/** Texts by path. */
async function projectFiles({ templates, values }: ProjectOptions): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for (const template of templates) {
    for (const entry of await readdir(template, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const source = join(entry.parentPath, entry.name);
      const name = SHIPPED_NAMES[entry.name] ?? entry.name;
      const path = relative(template, join(entry.parentPath, name)).replaceAll(sep, "/");
      files.set(filled(path, values), filled(await readFile(source, "utf8"), values));
    }
  }
  return files;
}

function filled(text: string, values: ProjectOptions["values"]): string {
  return text.replaceAll(PLACEHOLDER, (whole, word: string) => {
    const value = values[word];
    if (value === undefined)
      throw new Error(`the template says ${whole}, for which there is no value`);
    return value;
  });
}
