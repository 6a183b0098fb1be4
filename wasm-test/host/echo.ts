import { FilterStatus } from "./abi-values.js";
import type { ByteBuffer } from "./byte-buffer.js";
import type { Connection, NetworkFilter } from "./connection.js";
import { HostRuleViolation, type Permit } from "./rules.js";

/** envoy.filters.network.echo: writes what it reads. It does not enable half-close. */
export class Echo implements NetworkFilter {
  readonly #connection: Connection;
  readonly #permit: Permit;

  constructor(connection: Connection, permit: Permit) {
    this.#connection = connection;
    this.#permit = permit;
  }

  onNewConnection(): FilterStatus {
    return FilterStatus.Continue;
  }

  onData(buffer: ByteBuffer, endStream: boolean): FilterStatus {
    if (buffer.holdsPeerBytes && !this.#permit.has("request-echoed")) {
      const detail = `connection ${String(this.#connection.id)}, ${String(buffer.length)} bytes`;
      throw new HostRuleViolation("request-echoed", detail);
    }
    this.#connection.write(buffer, endStream);
    return FilterStatus.StopIteration;
  }

  onClose(): void {
    // Nothing is held.
  }
}
