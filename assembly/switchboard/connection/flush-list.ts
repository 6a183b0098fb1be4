// The connections that have output, and the rules by which it may be handed to the host.
//
// Continuing a stream runs the next filter once the VM call has ended; for a downstream connection
// its write calls the VM again, nested. Hence: each connection at most once in a VM call, at most
// MAX_DOWNSTREAM_CONTINUES downstream connections, and the rest from a posted call with a clean stack.
// The host's buffer of a connection is only filled in the call that also continues it: bytes that
// lie there would be taken for the peer's.
//
// Allocates: never.
// Next: switchboard/upstream/upstream-connection.ts
import { BufferType, Status, StreamType } from "../../proxy-wasm-as/abi/enums";
import { closeStream, continueStream, setEffectiveContext } from "../../proxy-wasm-as/host/stream";
import { Connection } from "./connection";
import { postWork } from "./posted-work";
import { freeRetiredBlocks } from "./retired-blocks";

const MAX_DOWNSTREAM_CONTINUES: u32 = 32;

/** The host closes after the VM call, and tells of it in a call from which it closes the next one. */
const MAX_CLOSES: u32 = 32;

/** First and last connection of one list, linked by `Connection.nextQueued`. */
class FlushQueue {
  head: usize = 0;
  tail: usize = 0;

  push(connection: Connection): void {
    connection.nextQueued = 0;
    const address = changetype<usize>(connection);
    if (this.tail == 0) this.head = address;
    else changetype<Connection>(this.tail).nextQueued = address;
    this.tail = address;
  }

  shift(): Connection {
    const connection = changetype<Connection>(this.head);
    this.head = connection.nextQueued;
    if (this.head == 0) this.tail = 0;
    connection.nextQueued = 0;
    return connection;
  }

  /** Takes a connection out, wherever it is; false when it is not here. */
  remove(connection: Connection): bool {
    const address = changetype<usize>(connection);
    let before: usize = 0;
    for (let at = this.head; at != 0; at = changetype<Connection>(at).nextQueued) {
      if (at == address) {
        if (before == 0) this.head = connection.nextQueued;
        else changetype<Connection>(before).nextQueued = connection.nextQueued;
        if (this.tail == at) this.tail = before;
        connection.nextQueued = 0;
        return true;
      }
      before = at;
    }
    return false;
  }
}

const downstreams = new FlushQueue();
const upstreams = new FlushQueue();
const closing = new FlushQueue();
/** Written by the next posted call: more output for them may come before it. */
const deferred = new FlushQueue();

/** To be called whenever something was put into the output queue of a downstream connection. */
export function queueDownstream(connection: Connection): void {
  if (connection.deferred) own(connection);
  if (connection.queued) return;
  connection.queued = true;
  downstreams.push(connection);
}

/**
 * Likewise, when more output is likely to come from other connections that are ready now: it is
 * gathered until the next posted call.
 */
export function deferDownstream(connection: Connection): void {
  if (connection.queued && !connection.deferred) return;
  own(connection);
  if (connection.queued) return;
  connection.queued = true;
  connection.deferred = true;
  deferred.push(connection);
  postWork();
}

/** Its output waits for another VM call: what is only borrowed would be somebody else's by then. */
function own(connection: Connection): void {
  if (connection.output.own()) return;
  // Beyond the memory budget: this client cannot be served any more.
  connection.closeWhenFlushed = true;
}

/** At the start of a posted call. */
export function releaseDeferred(): void {
  while (deferred.head != 0) {
    const connection = deferred.shift();
    connection.deferred = false;
    downstreams.push(connection);
  }
}

/** To be called whenever something was put into the output queue of an upstream connection. */
export function queueUpstream(connection: Connection): void {
  if (connection.queued) return;
  connection.queued = true;
  upstreams.push(connection);
}

function write(connection: Connection): void {
  connection.queued = false;
  if (!connection.open || connection.output.isEmpty) {
    connection.output.clear();
  } else if (setEffectiveContext(connection.id) != Status.Ok) {
    connection.output.clear();
  } else {
    connection.staleBytes = 0;
    if (connection.output.emit(BufferType.DownstreamData) == Status.Ok) {
      continueStream(StreamType.Downstream);
    }
  }
  if (connection.closeWhenFlushed) {
    // The bytes leave the host's buffer after this call: close in the next one.
    connection.queued = true;
    closing.push(connection);
    postWork();
  }
}

/** At the end of a VM call whose stack has no write of a downstream connection on it. */
export function flush(): void {
  while (upstreams.head != 0) write(upstreams.shift());
  let continued: u32 = 0;
  while (downstreams.head != 0 && continued < MAX_DOWNSTREAM_CONTINUES) {
    write(downstreams.shift());
    continued++;
  }
  if (downstreams.head != 0) keepRest();
  freeRetiredBlocks();
}

function keepRest(): void {
  let at = downstreams.head;
  while (at != 0) {
    const connection = changetype<Connection>(at);
    at = connection.nextQueued;
    own(connection);
  }
  postWork();
}

/** Connections wait for `closeFlushed`. */
export function isAnyClosing(): bool {
  return closing.head != 0;
}

/**
 * Closes what was to be closed after its last write, some of it: only from a posted call, and again from
 * the next one, until it returns false since nothing was left.
 */
export function closeFlushed(): bool {
  let closed: u32 = 0;
  while (closing.head != 0 && closed < MAX_CLOSES) {
    const connection = closing.shift();
    connection.queued = false;
    if (!connection.open) continue;
    connection.open = false;
    if (setEffectiveContext(connection.id) != Status.Ok) continue;
    closeStream(StreamType.Downstream);
    closed++;
  }
  return closed > 0;
}

/** Takes a connection that has ended out of all lists: its object may serve another one. */
export function unqueue(connection: Connection): void {
  if (!connection.queued) return;
  connection.queued = false;
  connection.deferred = false;
  if (downstreams.remove(connection) || upstreams.remove(connection)) return;
  if (!deferred.remove(connection)) closing.remove(connection);
}

/** Closes a downstream connection once its output is written. */
export function closeDownstream(connection: Connection): void {
  connection.closeWhenFlushed = true;
  queueDownstream(connection);
}

/** Closes an upstream connection once its output is written. */
export function closeUpstream(connection: Connection): void {
  connection.closeWhenFlushed = true;
  queueUpstream(connection);
}
