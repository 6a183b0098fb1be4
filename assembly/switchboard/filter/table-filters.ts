// What the filters have made of a table's configurations: the garbage collector's, which knows nothing of
// the table that refers to them, so that the table holds on to them by pinning this.
// Allocates: cold path only.
import { FilterConfig } from "../../filter/filter";
import { MutationFormat } from "./mutation-format";

export class TableFilters {
  readonly configs: Array<FilterConfig> = new Array<FilterConfig>();
  readonly mutationFormats: Array<MutationFormat> = new Array<MutationFormat>();

  get isEmpty(): bool {
    return this.configs.length == 0 && this.mutationFormats.length == 0;
  }
}

/** For a table that is about to refer to it. */
export function pinFilters(filters: TableFilters): usize {
  return __pin(changetype<usize>(filters));
}
