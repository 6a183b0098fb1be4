// AssemblyScript entry: discovery responses as a fuzz target: each comes behind a sound one, on a new
// stream.

import {
  advance,
  busy,
  clearEvents,
  closed,
  eventCount,
  eventKind,
  eventLen,
  eventPtr,
  forgetShared,
  receive,
  receiveLarge,
  restart,
  setNow,
  subscribe,
  tableOf,
  tick,
} from "./config-rds";
import { StaticText } from "../../assembly/wire/static-text";
import { entry } from "./fuzz/corpus";
import { bindTarget } from "./fuzz/driver";
import { mix, mixBytes, Target } from "./fuzz/target";

export * from "./fuzz/driver";

const START_MS: u64 = 1_700_000_000_000;
const LATER_MS: u64 = 31_000;
const FETCH_TIMEOUT_MS: u32 = 5_000;
/** EVENT numbers of config-rds.ts. */
const SEND: u32 = 2;
const TABLE: u32 = 3;
const REJECTED: u32 = 5;

/** One of so many loses its stream before it is applied. */
const CLOSINGS: u32 = 4;

enum Delivery {
  Whole,
  /** Built a slice at a time. */
  Slices,
  /** The same, and the stream is closed meanwhile. */
  Interrupted,
}

const first = new StaticText("a_1");
const second = new StaticText("b_2");

class DiscoveryTarget extends Target {
  constructor() {
    super();
    this.heapBytes = 8 << 20;
    this.inputsPerHeapCheck = 32;
    this.heapSlack = 64 << 10;
    this.fixedSteps = 1000000;
    this.stepsPerByte = 12000;
  }

  run(ptr: usize, len: u32): u32 {
    const digest = this.receiveOne(ptr, len, Delivery.Whole);
    if (this.receiveOne(ptr, len, Delivery.Slices) != digest) {
      abort("in slices, something else comes of it");
    }
    if (digest % CLOSINGS == 0) this.receiveOne(ptr, len, Delivery.Interrupted);
    return digest;
  }

  private receiveOne(ptr: usize, len: u32, delivery: Delivery): u32 {
    forgetShared();
    restart(true, FETCH_TIMEOUT_MS);
    setNow(START_MS);
    const a = subscribe(first.ptr, first.len);
    const b = subscribe(second.ptr, second.len);
    // The first of the corpus is sound and has a table for the first name.
    const sound = entry(0);
    receive(sound.ptr, sound.len);
    if (tableOf(a) == 0) abort("a sound response is not taken");
    clearEvents();
    if (delivery == Delivery.Whole) receive(ptr, len);
    else receiveLarge(ptr, len);
    if (delivery == Delivery.Interrupted) closed();
    while (busy()) advance();
    if (tableOf(a) == 0) abort("what was in force is gone");
    let digest = this.takeEvents(tableOf(b) != 0 ? 1 : 0);
    setNow(START_MS + LATER_MS);
    tick();
    closed();
    setNow(START_MS + 2 * LATER_MS);
    tick();
    receive(sound.ptr, sound.len);
    digest = this.mixEvents(digest);
    restart(false, FETCH_TIMEOUT_MS);
    return digest;
  }

  /** What the response led to; each is answered, or ends the stream. */
  private takeEvents(digest: u32): u32 {
    this.verdict = 3;
    for (let i: u32 = 0; i < eventCount(); i++) {
      if (eventKind(i) == TABLE) this.verdict = 1;
      else if (eventKind(i) == SEND && this.verdict == 3) this.verdict = 2;
      else if (eventKind(i) == REJECTED && this.verdict == 3) this.verdict = 0;
    }
    return this.mixEvents(digest);
  }

  private mixEvents(digest: u32): u32 {
    for (let i: u32 = 0; i < eventCount(); i++) {
      digest = mixBytes(mix(digest, eventKind(i)), eventPtr(i), eventLen(i));
    }
    clearEvents();
    return digest;
  }
}

bindTarget(new DiscoveryTarget());
