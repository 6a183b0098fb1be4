// A hashed timing wheel over records that carry their own links.
//
// A record embeds a TimerNode. Slots are WHEEL_SLOTS ticks apart from their own next turn; a node
// whose deadline lies further away than one turn is met on each turn and left where it is.
// Allocates: at construction only.

const WHEEL_SLOTS: u32 = 1024;

@unmanaged
export class TimerNode {
  next: usize;
  previous: usize;
  /** In ticks since the wheel's start. */
  deadline: u64;
}

export abstract class TimerWheel {
  /** Heads of circular lists: one TimerNode a slot. */
  private slots: usize;
  /** Up to which all that was due has run. */
  private tick: u64 = 0;
  /** Ahead of `tick` while timers of several ticks run at once, as when the host was late. */
  private now: u64 = 0;
  /** Timers that are set. */
  active: u32 = 0;

  constructor() {
    const nodeBytes = offsetof<TimerNode>();
    this.slots = heap.alloc(<usize>WHEEL_SLOTS * nodeBytes);
    for (let i: usize = 0; i < WHEEL_SLOTS; i++) {
      const head = changetype<TimerNode>(this.slots + i * nodeBytes);
      head.next = changetype<usize>(head);
      head.previous = changetype<usize>(head);
    }
  }

  /** Called for each node whose deadline has come; the node is not set any more and may be set again. */
  abstract onTimer(node: TimerNode): void;

  /** Sets a node that is not set to run `ticks` ticks from now, at least one. */
  set(node: TimerNode, ticks: u32): void {
    node.deadline = this.now + <u64>(ticks == 0 ? 1 : ticks);
    const head = this.headOf(node.deadline);
    const last = changetype<TimerNode>(head.previous);
    node.next = changetype<usize>(head);
    node.previous = head.previous;
    last.next = changetype<usize>(node);
    head.previous = changetype<usize>(node);
    this.active++;
  }

  isSet(node: TimerNode): bool {
    return node.next != 0;
  }

  /** Does nothing when the node is not set. */
  cancel(node: TimerNode): void {
    if (node.next == 0) return;
    changetype<TimerNode>(node.next).previous = node.previous;
    changetype<TimerNode>(node.previous).next = node.next;
    node.next = 0;
    node.previous = 0;
    this.active--;
  }

  /** Moves time on to `tick` (ticks since the start) and runs what is due. */
  advanceTo(tick: u64): void {
    if (tick > this.now) this.now = tick;
    if (this.active == 0) {
      if (tick > this.tick) this.tick = tick;
      return;
    }
    if (tick > this.tick && tick - this.tick >= WHEEL_SLOTS) {
      // A whole turn or more: each slot once, at the new time.
      this.tick = tick;
      for (let slot: u64 = 0; slot < WHEEL_SLOTS; slot++) this.runSlot(this.headOf(tick + slot));
      return;
    }
    while (this.tick < tick) {
      this.tick++;
      this.runSlot(this.headOf(this.tick));
    }
  }

  private headOf(tick: u64): TimerNode {
    const slot = <usize>(tick & (WHEEL_SLOTS - 1));
    return changetype<TimerNode>(this.slots + slot * offsetof<TimerNode>());
  }

  private runSlot(head: TimerNode): void {
    const end = changetype<usize>(head);
    let at = head.next;
    while (at != end) {
      const node = changetype<TimerNode>(at);
      if (node.deadline > this.tick) {
        at = node.next;
        continue;
      }
      this.cancel(node);
      this.onTimer(node);
      // What a timer does may cancel any other, the next one too: begin again.
      at = head.next;
    }
  }
}
