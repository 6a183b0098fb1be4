import type { Context } from "../context.js";
import type { RootContext } from "../root-context.js";
import type { Vm } from "../vm.js";

/** What every host call works on: the VM it came from and the context it acts for. */
export interface HostcallScope {
  readonly vm: Vm;
  /** The effective context if one is set and still exists, else the context of the running callback. */
  context(): Context;
  /** The root context of `context()`. */
  root(): RootContext;
  contextById(id: number): Context | undefined;
}
