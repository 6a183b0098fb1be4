// The values of a route's mutations that have operators, one part of a format for each mutation.
// Allocates: cold path only.

import { Format } from "../../format/format";

export class MutationFormat {
  constructor(
    readonly format: Format,
    /** For each mutation, behind its last segment; a mutation without a segment has its value as it is. */
    readonly ends: Array<i32>,
  ) {}
}
