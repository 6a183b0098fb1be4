// The hazards of continue_stream and close_stream, checked where the module makes the call, so that the
// failing test's stack leads to it.

import type { Connection } from "./connection.js";
import { HostRuleViolation, type Permit, type RuleName } from "./rules.js";
import type { Vm } from "./vm.js";

export interface ContinueLimits {
  /** More continues to downstream connections in one VM call fail the test. */
  readonly maxContinues: number;
  /** More are noted in `warnings`. */
  readonly warnContinues: number;
  readonly permit: Permit;
}

interface Stream {
  readonly id: number;
  readonly connection: Connection;
}

const CLOSE_CALLBACKS: ReadonlySet<string> = new Set([
  "proxy_on_downstream_connection_close",
  "proxy_on_upstream_connection_close",
  "proxy_on_done",
  "proxy_on_log",
  "proxy_on_delete",
]);

export class ContinueRules {
  readonly #vm: Vm;
  readonly #limits: ContinueLimits;
  readonly #warnings: string[];
  /** Connections continued in the running VM call, by the serial of that call. */
  readonly #continuedIn = new WeakMap<Connection, number>();
  readonly #closedIn = new WeakMap<Connection, number>();
  #countedCall = 0;
  #count = 0;

  constructor(vm: Vm, limits: ContinueLimits, warnings: string[]) {
    this.#vm = vm;
    this.#limits = limits;
    this.#warnings = warnings;
  }

  onContinueQueued(stream: Stream): void {
    const { connection } = stream;
    const again = this.#continuedIn.get(connection) === this.#vm.callSerial;
    this.#continuedIn.set(connection, this.#vm.callSerial);
    if (this.#closedIn.get(connection) === this.#vm.callSerial) {
      this.#warnings.push(
        `continue_stream behind close_stream of context ${String(stream.id)}: nothing is written`,
      );
    }
    if (connection.role === "upstream") {
      if (again) {
        this.#warnings.push(
          `two continue_stream of upstream context ${String(stream.id)} in one VM call`,
        );
      }
      return;
    }
    if (again) this.#violate("second-continue", stream);
    for (const { callback, context } of this.#vm.frames) {
      if (CLOSE_CALLBACKS.has(callback)) this.#violate("continue-from-close", stream);
      if (callback === "proxy_on_upstream_data" && isDownstream(context)) {
        this.#violate("continue-from-own-write", stream);
      }
    }
    this.#countContinue(stream);
  }

  /** What runs behind an upstream connection is tcp_proxy, which writes to another connection. */
  onContinueRun(stream: Stream): void {
    if (stream.connection.role === "downstream" && stream.connection.isWriting) {
      this.#violate("second-continue", stream);
    }
  }

  onCloseQueued(stream: Stream): void {
    const { connection } = stream;
    this.#closedIn.set(connection, this.#vm.callSerial);
    const continued = this.#continuedIn.get(connection) === this.#vm.callSerial;
    if (connection.role === "upstream" || !continued) return;
    if (!this.#limits.permit.has("close-behind-continue")) {
      this.#violate("close-behind-continue", stream);
    }
  }

  /** Called for each http_call that dials the internal listener. */
  onDial(cluster: string): void {
    const [first] = this.#vm.queuedActions;
    if (first === undefined || this.#limits.permit.has("dial-behind-continue")) return;
    const detail = `http_call to ${cluster} behind ${first.label}`;
    throw this.#vm.fail(new HostRuleViolation("dial-behind-continue", detail));
  }

  #countContinue(stream: Stream): void {
    if (this.#countedCall !== this.#vm.callSerial) {
      this.#countedCall = this.#vm.callSerial;
      this.#count = 0;
    }
    this.#count++;
    if (this.#count > this.#limits.maxContinues) this.#violate("too-many-continues", stream);
    if (this.#count === this.#limits.warnContinues + 1) {
      this.#warnings.push(
        `more than ${String(this.#limits.warnContinues)} continue_stream to downstream connections in one VM call`,
      );
    }
  }

  #violate(rule: RuleName, stream: Stream): never {
    const detail = `context ${String(stream.id)} in ${this.#vm.describeStack()}`;
    throw this.#vm.fail(new HostRuleViolation(rule, detail));
  }
}

function isDownstream(context: unknown): boolean {
  const connection = (context as Partial<Stream>).connection;
  return connection?.role === "downstream";
}
