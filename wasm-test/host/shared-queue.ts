// Queues by name, also between VMs. Source: proxy-wasm-cpp-host shared_queue.cc.

import { WasmResult } from "./abi-values.js";

/** Tells the VM that registered the queue last, in a turn of its own, that there is something in it. */
export type QueueNotifier = (token: number) => void;

interface Queue {
  readonly items: Uint8Array[];
  notify: QueueNotifier;
}

export class SharedQueues {
  readonly #tokens = new Map<string, number>();
  readonly #queues = new Map<number, Queue>();

  /** Creates the queue, or makes its notifications go to `notify` from now on. Returns its token. */
  register(vmId: string, name: string, notify: QueueNotifier): number {
    const key = `${vmId}\0${name}`;
    const known = this.#tokens.get(key);
    if (known !== undefined) {
      const queue = this.#queues.get(known);
      if (queue !== undefined) queue.notify = notify;
      return known;
    }
    const token = this.#tokens.size + 1;
    this.#tokens.set(key, token);
    this.#queues.set(token, { items: [], notify });
    return token;
  }

  /** The token of a queue, or undefined when nobody has registered it. */
  resolve(vmId: string, name: string): number | undefined {
    return this.#tokens.get(`${vmId}\0${name}`);
  }

  enqueue(token: number, item: Uint8Array): WasmResult {
    const queue = this.#queues.get(token);
    if (queue === undefined) return WasmResult.NotFound;
    queue.items.push(item.slice());
    queue.notify(token);
    return WasmResult.Ok;
  }

  /** The oldest item, or Empty, or NotFound when there is no such queue. */
  dequeue(token: number): Uint8Array | typeof WasmResult.Empty | typeof WasmResult.NotFound {
    const queue = this.#queues.get(token);
    if (queue === undefined) return WasmResult.NotFound;
    return queue.items.shift() ?? WasmResult.Empty;
  }
}
