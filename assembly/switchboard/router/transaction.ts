// The transaction that a client's connection is in: what the proxy has refused a part of does not take effect.
// Allocates: never.
import { ErrorKind } from "../../codec/error-kind";
import { TransactionStep } from "../../codec/message";

export class Transaction {
  private isOpen: bool = false;
  private isBroken: bool = false;
  /** Why a part of it was refused. */
  cause: ErrorKind = ErrorKind.Internal;

  reset(): void {
    this.isOpen = false;
    this.isBroken = false;
  }

  /** A request with this step comes; false: it would commit what is not whole. */
  follow(step: TransactionStep): bool {
    if (step == TransactionStep.Begin) {
      this.isOpen = true;
      return true;
    }
    const isWhole = step == TransactionStep.Rollback || !this.isBroken;
    this.reset();
    return isWhole;
  }

  /** The proxy has answered a request of the connection with an error. */
  onRefused(kind: ErrorKind): void {
    if (!this.isOpen || this.isBroken) return;
    this.isBroken = true;
    this.cause = kind;
  }
}
