import { readFile } from "node:fs/promises";
import type { Configuration } from "../../api/configuration.js";
import { type Fault, resourceKey } from "../../api/fault.js";
import type { Resource } from "../../api/kinds.js";
import { faultOf, idOf, lineOf } from "../../api/resource.js";
import { judgeFile, type JudgedFile, refuseFile } from "./judge-file.js";
import { type ListedFile, listFiles } from "./list-files.js";

/** Times of files may be this coarse: a younger file may change again without a new time. */
const TIME_GRANULARITY_MS = 100;

interface FileState {
  /** Undefined: not to be relied on. */
  readonly signature: string | undefined;
  /** Undefined: it could not be read. */
  readonly text: string | undefined;
  readonly judged: JudgedFile;
  /** Since when the file is gone, or cut short; undefined: it is not. Milliseconds since 1970. */
  readonly leavingSinceMs: number | undefined;
}

export interface ScanOptions {
  /** Milliseconds since 1970. */
  readonly nowMs: number;
  readonly onDirectory: (path: string, identity: string) => void;
}

export interface ScanResult {
  readonly hasChanged: boolean;
  /** Whether another scan is needed even if nothing is told of a change. */
  readonly isUnsettled: boolean;
}

/** What the files of a directory say, and what they said when it was right. */
export class ConfigurationFiles {
  private states: ReadonlyMap<string, FileState> = new Map();
  private inEffect: ReadonlyMap<string, Resource> = new Map();

  /**
   * @param removalDelayMs a file that is gone, or that is a beginning of what it was, is believed after this long:
   *   programs that write a file often remove or empty it first.
   */
  constructor(
    private readonly directory: string,
    private readonly removalDelayMs: number,
  ) {}

  /** Reads what has changed since the scan before. Rejects if the directory cannot be read; then nothing changes. */
  async scan({ nowMs, onDirectory }: ScanOptions): Promise<ScanResult> {
    const listed = await listFiles(this.directory, onDirectory);
    const states = new Map<string, FileState>();
    for (const file of listed) states.set(file.path, await this.readState(file, nowMs));
    for (const [path, state] of this.states)
      if (!states.has(path)) this.keepForAWhile(states, path, state, nowMs);
    const hasChanged =
      states.size !== this.states.size ||
      Array.from(states).some(([path, state]) => {
        const before = this.states.get(path);
        return before?.judged !== state.judged || isLeaving(before) !== isLeaving(state);
      });
    this.states = states;
    if (hasChanged)
      this.inEffect = new Map(
        this.configuration().resources.map((resource) => [keyOf(resource), resource]),
      );
    const isUnsettled = Array.from(states.values()).some(
      (state) => state.signature === undefined || isLeaving(state),
    );
    return { hasChanged, isUnsettled };
  }

  /** The first of each identity; one in a file that is leaving gives way. */
  configuration(): Configuration {
    const states = Array.from(this.states)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, state]) => state);
    const owners = new Map<string, Resource>();
    for (const leaving of [false, true])
      for (const state of states)
        if (isLeaving(state) === leaving)
          for (const resource of state.judged.resources)
            if (!owners.has(keyOf(resource))) owners.set(keyOf(resource), resource);
    const resources: Resource[] = [];
    const faults: Fault[] = [];
    const warnings: Fault[] = [];
    for (const state of states) {
      faults.push(...state.judged.faults);
      warnings.push(...state.judged.warnings);
      for (const resource of state.judged.resources) {
        const owner = owners.get(keyOf(resource));
        if (owner === resource) resources.push(resource);
        else if (owner !== undefined && !isLeaving(state)) faults.push(duplicate(resource, owner));
      }
    }
    return { resources, faults, warnings };
  }

  private async readState(file: ListedFile, nowMs: number): Promise<FileState> {
    const before = this.states.get(file.path);
    if (before?.signature === file.signature) return before;
    const isSettled = Math.abs(nowMs - file.modifiedMs) > TIME_GRANULARITY_MS;
    const signature = isSettled ? file.signature : undefined;
    let text: string;
    try {
      text = await readFile(file.path, "utf8");
    } catch (error) {
      return this.unreadable(file, before, error);
    }
    if (text === before?.text && !isLeaving(before)) return { ...before, signature };
    if (before?.text !== undefined && text.length < before.text.length) {
      const leavingSinceMs = before.leavingSinceMs ?? nowMs;
      const isCutShort = before.text.startsWith(text);
      if (isCutShort && nowMs - leavingSinceMs < this.removalDelayMs)
        return { ...before, signature: undefined, leavingSinceMs };
    }
    const judged = judgeFile(file.path, text, before?.judged, (key) => this.inEffect.get(key));
    return { signature, text, judged, leavingSinceMs: undefined };
  }

  private unreadable(file: ListedFile, before: FileState | undefined, error: unknown): FileState {
    const fault = {
      file: file.path,
      line: undefined,
      resource: undefined,
      path: "",
      message: `cannot be read: ${error instanceof Error ? error.message : String(error)}`,
    };
    const isKnown = before !== undefined && before.text === undefined;
    return {
      signature: undefined,
      text: undefined,
      judged: isKnown ? before.judged : refuseFile(file.path, [fault], before?.judged),
      leavingSinceMs: undefined,
    };
  }

  private keepForAWhile(
    states: Map<string, FileState>,
    path: string,
    state: FileState,
    nowMs: number,
  ): void {
    const leavingSinceMs = state.leavingSinceMs ?? nowMs;
    if (nowMs - leavingSinceMs < this.removalDelayMs)
      states.set(path, { ...state, signature: undefined, leavingSinceMs });
  }
}

function isLeaving(state: FileState | undefined): boolean {
  return state?.leavingSinceMs !== undefined;
}

function keyOf(resource: Resource): string {
  return resourceKey(idOf(resource));
}

function duplicate(resource: Resource, owner: Resource): Fault {
  const line = owner.origin && lineOf(owner.origin, "");
  const place = `${owner.origin?.file ?? ""}${line === undefined ? "" : `:${line}`}`;
  return faultOf(resource, { path: "metadata.name", message: `is already defined at ${place}` });
}
