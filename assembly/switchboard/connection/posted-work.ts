// Work for a clean stack: dialling, replies that a close or a nested callback caused, and output
// beyond what one VM call may write. Runs a microsecond later, on a call from the event loop.
// Allocates: never after `open`.
import { Status } from "../../proxy-wasm-as/abi/enums";
import { dequeueSharedQueue, enqueueSharedQueue } from "../../proxy-wasm-as/host/shared-queue";

let queue: u32 = 0;
let isOpen = false;
let isPosted = false;

/** `token`: a shared queue that no other VM has. */
export function openPostedWork(token: u32): void {
  queue = token;
  isOpen = true;
  isPosted = false;
}

export function isPostedWork(token: u32): bool {
  return isOpen && token == queue;
}

/** Asks for a posted call, once however often it is asked. */
export function postWork(): void {
  if (isPosted || !isOpen) return;
  isPosted = enqueueSharedQueue(queue, 0, 0) == Status.Ok;
}

/** At the start of a posted call. */
export function beginPostedWork(): void {
  isPosted = false;
  dequeueSharedQueue(queue);
}
