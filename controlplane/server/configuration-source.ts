import type { Configuration } from "../api/configuration.js";

/** Where a control plane has its resources from. */
export interface ConfigurationSource {
  /** Faults of this file are those of the source itself, and take nothing out of effect. Absent: it is no file. */
  readonly directory?: string;
  /** Is called with the configuration whenever it changes, and first of all before `start` resolves. */
  onSnapshot(listener: (configuration: Configuration) => void): unknown;
  /** Rejects when there is nothing that can be read. */
  start(): Promise<unknown>;
  stop(): void | Promise<void>;
}
