// Shared queues, between VMs and from a VM to itself.
// Spec: proxy-wasm ABI 0.2.1, chapter "Shared Queues". PluginContext.onQueueReady tells of a new item.
// Enqueueing to a queue of its own is how a module runs code on a clean stack: onQueueReady comes in a
// fresh event of the same worker.
// Allocates: arena for the item dequeued; register and resolve give theirs back at once.

import {
  proxy_dequeue_shared_queue,
  proxy_enqueue_shared_queue,
  proxy_register_shared_queue,
  proxy_resolve_shared_queue,
} from "../abi/env";
import { Status } from "../abi/enums";
import { mark, release } from "../memory/arena";
import { RESULT_LEN, RESULT_PTR, takeBytes } from "../memory/host-bytes";
import { encodeText, textLen } from "./text";

/** The status of the registerSharedQueue or resolveSharedQueue called last. */
export let sharedQueueStatus: Status = Status.Ok;

/**
 * Registers a queue under `name`, or opens it: its items come to this plugin context's onQueueReady,
 * and of several VMs that registered it to the one that registered last. Returns its token; 0 on
 * failure, with the reason in sharedQueueStatus.
 */
export function registerSharedQueue(name: string): u32 {
  const position = mark();
  const namePtr = encodeText(name);
  sharedQueueStatus =
    namePtr == 0
      ? Status.InternalFailure
      : <Status>proxy_register_shared_queue(namePtr, <usize>textLen, RESULT_PTR);
  release(position);
  return sharedQueueStatus == Status.Ok ? load<u32>(RESULT_PTR) : 0;
}

/**
 * Finds a queue that the VM `vmId` (empty: this one) has registered under `name`. Returns its token; 0
 * on failure, with the reason in sharedQueueStatus, NotFound when there is none.
 */
export function resolveSharedQueue(vmId: string, name: string): u32 {
  const position = mark();
  const vmIdPtr = encodeText(vmId);
  const vmIdLen = textLen;
  const namePtr = encodeText(name);
  sharedQueueStatus =
    vmIdPtr == 0 || namePtr == 0
      ? Status.InternalFailure
      : <Status>(
          proxy_resolve_shared_queue(vmIdPtr, <usize>vmIdLen, namePtr, <usize>textLen, RESULT_PTR)
        );
  release(position);
  return sharedQueueStatus == Status.Ok ? load<u32>(RESULT_PTR) : 0;
}

/** Adds an item, which may be empty. NotFound: there is no such queue. */
export function enqueueSharedQueue(token: u32, ptr: usize, size: u32): Status {
  return <Status>proxy_enqueue_shared_queue(token, ptr, <usize>size);
}

/** Takes the oldest item, to bytesPtr, bytesLen. Empty: there is none. NotFound: no such queue. */
export function dequeueSharedQueue(token: u32): Status {
  return takeBytes(proxy_dequeue_shared_queue(token, RESULT_PTR, RESULT_LEN));
}
