// YAML and JSON, with the line of each field.
import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type ParsedNode,
  parseAllDocuments,
} from "yaml";
import { isObject } from "../../api/schema/composites.js";
import { fieldPath, itemPath } from "../../api/schema/site.js";

export interface ParsedDocument {
  readonly value: unknown;
  /** Of each field by its path, counted from 1; the empty path is the document. */
  readonly lines: ReadonlyMap<string, number>;
}

export interface SyntaxFault {
  readonly line: number;
  readonly message: string;
}

export type ParsedFile =
  | { readonly ok: true; readonly documents: readonly ParsedDocument[] }
  | { readonly ok: false; readonly faults: readonly SyntaxFault[] };

/** Reads all documents of a file; the items of a `List`, as kubectl prints it, are documents too. Empty ones are not. */
export function parseFile(text: string): ParsedFile {
  const lineCounter = new LineCounter();
  const parsed = parseAllDocuments(text, { lineCounter, prettyErrors: false, merge: true });
  const documents = "empty" in parsed ? [] : parsed;
  const lineAt = (offset: number): number => Math.max(1, lineCounter.linePos(offset).line);
  const faults: SyntaxFault[] = documents.flatMap(({ errors }) =>
    errors.map(({ pos, message }) => ({ line: lineAt(pos[0]), message })),
  );
  const results: ParsedDocument[] = [];
  for (const document of faults.length > 0 ? [] : documents) {
    if (document.contents === null) continue;
    const lines = linesOf(document.contents, lineAt);
    try {
      results.push(...expandList({ value: document.toJS() as unknown, lines }));
    } catch (error) {
      // An alias without its anchor, or aliases that multiply without end.
      const message = error instanceof Error ? error.message : String(error);
      faults.push({ line: lines.get("") ?? 1, message });
    }
  }
  return faults.length > 0
    ? { ok: false, faults }
    : { ok: true, documents: results.filter(({ value }) => value !== null) };
}

function linesOf(
  contents: ParsedNode,
  lineAt: (offset: number) => number,
): ReadonlyMap<string, number> {
  const lines = new Map<string, number>();
  const visit = (node: Node | null, path: string, line: number | undefined): void => {
    lines.set(path, line ?? lineAt(node?.range?.[0] ?? 0));
    if (isMap<Node, Node | null>(node)) {
      for (const { key, value } of node.items)
        if (isScalar(key))
          visit(value, fieldPath(path, String(key.value)), lineAt(key.range?.[0] ?? 0));
    } else if (isSeq<Node | null>(node))
      node.items.forEach((item, index) => {
        if (!isAlias(item)) visit(item, itemPath(path, index), undefined);
      });
  };
  visit(contents, "", undefined);
  return lines;
}

function expandList(document: ParsedDocument): readonly ParsedDocument[] {
  const { value, lines } = document;
  if (!isObject(value) || !Array.isArray(value["items"])) return [document];
  if (typeof value["kind"] !== "string" || !value["kind"].endsWith("List")) return [document];
  return value["items"].map((item: unknown, index) => {
    const path = itemPath("items", index);
    const own = Array.from(lines)
      .filter(([key]) => key === path || key.startsWith(`${path}.`) || key.startsWith(`${path}[`))
      .map(([key, line]) => [key.slice(path.length).replace(/^\./, ""), line] as const);
    return { value: item, lines: new Map(own) };
  });
}
