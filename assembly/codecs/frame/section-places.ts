// Where the sections of a frame are: offsets from its start of each one's fixed part, of its variable one, and of
// what is behind that.
//
//   0       4      8     12
//   +-------+------+-----+---+   a record for each section
//   | start | body | end | - |
//   +-------+------+-----+---+
//
// What is `@inline` here is on the path of every frame: without it the compiler, which looks at size too, calls a
// function for each of these loads.
// Allocates: when the module starts.

import { MAX_SECTIONS } from "./table/limits";

const BODY: usize = 4;
const END: usize = 8;

export class SectionPlaces {
  // SAFETY: a section's position is below MAX_SECTIONS, of all that name one.
  private readonly records: usize = heap.alloc((<usize>MAX_SECTIONS) << 4);

  @inline
  private record(section: u32): usize {
    return this.records + ((<usize>section) << 4);
  }

  @inline
  start(section: u32): u32 {
    return load<u32>(this.record(section));
  }

  @inline
  body(section: u32): u32 {
    return load<u32>(this.record(section), BODY);
  }

  @inline
  end(section: u32): u32 {
    return load<u32>(this.record(section), END);
  }

  @inline
  setStart(section: u32, offset: u32): void {
    store<u32>(this.record(section), offset);
  }

  @inline
  setBody(section: u32, offset: u32): void {
    store<u32>(this.record(section), offset, BODY);
  }

  @inline
  setEnd(section: u32, offset: u32): void {
    store<u32>(this.record(section), offset, END);
  }
}
