import { type Fault, type FieldFault, resourceKey, type ResourceId } from "../../api/fault.js";
import { type Resource, validateResource } from "../../api/kinds.js";
import { isObject } from "../../api/schema/composites.js";
import { idOf, lineOf, type Origin } from "../../api/resource.js";
import { type ParsedDocument, parseFile } from "./parse-file.js";

/** What a file contributes to the configuration. */
export interface JudgedFile {
  readonly resources: readonly Resource[];
  readonly faults: readonly Fault[];
  readonly warnings: readonly Fault[];
}

const KEPT = "the version before stays in effect";

/**
 * Validates all documents of a file. What worked stays: of a document with faults, the resource as it was; of a file
 * that cannot be read, or that has a document which does not say what it is, all resources that it had.
 *
 * @param previous what the file contributed before, if there was such a file.
 * @param findInEffect the resource with that key that is in effect now, from whatever file.
 */
export function judgeFile(
  file: string,
  text: string,
  previous: JudgedFile | undefined,
  findInEffect: (key: string) => Resource | undefined,
): JudgedFile {
  const parsed = parseFile(text);
  if (!parsed.ok) {
    const faults = parsed.faults.map(({ line, message }) => ({
      file,
      line,
      resource: undefined,
      path: "",
      message,
    }));
    return refuseFile(file, faults, previous);
  }
  const documents = parsed.documents.map((document) => judgeDocument(file, document, findInEffect));
  const named = new Set(documents.map(({ id }) => id && resourceKey(id)));
  const areAllIdentified = documents.every(({ id, isOurs }) => !isOurs || id !== undefined);
  const orphans = areAllIdentified
    ? []
    : (previous?.resources ?? []).filter((resource) => !named.has(resourceKey(idOf(resource))));
  return {
    resources: [
      ...documents.flatMap(({ resource }) => resource ?? []),
      ...orphans.map((resource) => withoutLines(resource, file)),
    ],
    faults: byLine(documents.flatMap(({ faults }) => faults)),
    warnings: byLine(documents.flatMap(({ warnings }) => warnings)),
  };
}

interface JudgedDocument {
  /** The resource, or what it was when it was right. */
  readonly resource: Resource | undefined;
  readonly faults: readonly Fault[];
  readonly warnings: readonly Fault[];
  readonly id: ResourceId | undefined;
  /** Whether it is, or cannot be told from, a resource of a kind that is read here. */
  readonly isOurs: boolean;
}

function judgeDocument(
  file: string,
  document: ParsedDocument,
  findInEffect: (key: string) => Resource | undefined,
): JudgedDocument {
  const origin = { file, lines: document.lines };
  const validation = validateResource(document.value, origin);
  const id =
    validation.outcome === "unsupported" || validation.id === undefined
      ? guessId(document)
      : validation.id;
  const warnings = validation.warnings.map((fault) => place(fault, origin, id));
  switch (validation.outcome) {
    case "unsupported":
      return { resource: undefined, faults: [], warnings, id: undefined, isOurs: false };
    case "valid": {
      const { resource } = validation;
      return { resource, faults: [], warnings, id: validation.id, isOurs: true };
    }
    case "invalid": {
      const kept = validation.id && findInEffect(resourceKey(validation.id));
      const faults = validation.faults.map((fault) =>
        place(kept === undefined ? fault : withNote(fault), origin, id),
      );
      const resource = kept && withoutLines(kept, file);
      return { resource, faults, warnings, id: validation.id, isOurs: true };
    }
  }
}

/** What is left of a file that nothing can be made of. */
export function refuseFile(
  file: string,
  faults: readonly Fault[],
  previous: JudgedFile | undefined,
): JudgedFile {
  const resources = (previous?.resources ?? []).map((resource) => withoutLines(resource, file));
  return {
    resources,
    faults:
      resources.length === 0
        ? faults
        : faults.map((fault) => ({ ...fault, message: `${fault.message}; ${KEPT}` })),
    warnings: [],
  };
}

function place(fault: FieldFault, origin: Origin, resource: ResourceId | undefined): Fault {
  const { path, message } = fault;
  return { file: origin.file, line: lineOf(origin, path), resource, path, message };
}

function withNote({ path, message }: FieldFault): FieldFault {
  return { path, message: `${message}; ${KEPT}` };
}

function byLine(faults: readonly Fault[]): readonly Fault[] {
  return [...faults].sort((a, b) => (a.line ?? 0) - (b.line ?? 0));
}

/** A name for the report, from a document that has no identity. */
function guessId({ value }: ParsedDocument): ResourceId | undefined {
  if (!isObject(value) || typeof value["kind"] !== "string") return undefined;
  const metadata = value["metadata"];
  const name = isObject(metadata) ? metadata["name"] : undefined;
  return { kind: value["kind"], namespace: "", name: typeof name === "string" ? name : "" };
}

/** The text that the lines were of is gone. */
function withoutLines(resource: Resource, file: string): Resource {
  return { ...resource, origin: { file, lines: new Map() } };
}
