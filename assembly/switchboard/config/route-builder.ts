// Builds route tables from what the decoders find, and refuses what is not sound.
// Allocates: cold path only; everything but the table is freed by `build`.

import { Codec } from "../../codec/codec";
import { RouteTable } from "../route/table";
import { Faults } from "./faults";

export class RouteTableBuilder {
  faults: Faults;

  constructor(faults: Faults) {
    this.faults = faults;
  }

  /** The table, with one reference that the caller owns, or null when there are faults. */
  build(codec: Codec): RouteTable | null {
    return null;
  }
}
