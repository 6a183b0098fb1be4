// A page of documentation that is followed from its beginning to its end: files to write, commands to run, and what
// these print.

export interface FileStep {
  readonly kind: "file";
  /** Relative to the reader's folder. */
  readonly path: string;
  readonly text: string;
}

export interface CommandStep {
  readonly kind: "command";
  readonly command: string;
  /** Undefined: the page does not show what it prints. */
  readonly output: string | undefined;
}

export type Step = FileStep | CommandStep;

const BLOCK = /^```(\w*)\n([\s\S]*?)^```$/gm;
/** In the first line of a file, behind its comment sign. */
const PATH = /^(?:#|\/\/) ([\w./-]+\.\w+)\b/;
const PROMPT = "$ ";

/**
 * The steps of a page in their order: blocks of `sh` are commands, blocks of `console` are commands with what they
 * print, other blocks with a language are files that begin with a comment with their path.
 *
 * @throws Error for a block that is none of these.
 */
export function stepsOf(page: string): Step[] {
  return [...page.matchAll(BLOCK)].flatMap(([, language = "", text = ""]) => {
    if (language === "") return [];
    if (language === "sh") return commandsOf(text);
    if (language === "console") return sessionOf(text);
    const path = PATH.exec(text)?.[1];
    if (path === undefined) throw new Error(`a block of ${language} without a path:\n${text}`);
    return [{ kind: "file", path, text }];
  });
}

function commandsOf(text: string): Step[] {
  return text
    .trimEnd()
    .split("\n")
    .map((command) => ({ kind: "command", command, output: undefined }));
}

function sessionOf(text: string): Step[] {
  if (!text.startsWith(PROMPT))
    throw new Error(`a session that begins without a command:\n${text}`);
  return text
    .split(/^\$ /m)
    .slice(1)
    .map((part) => {
      const [command = "", ...output] = part.split("\n");
      return { kind: "command", command, output: output.join("\n") };
    });
}
