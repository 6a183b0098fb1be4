// Counts what lookups do, in steps of about equal cost: a value fetched, a hash slot or a tree edge
// looked at, a candidate or a match tried. What tests assert, since nanoseconds depend on the machine.
// Allocates: never.

export class LookupCost {
  static steps: u64 = 0;
}
