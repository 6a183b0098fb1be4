// The filters of this module, in the order in which requests meet them.
// Allocates: when the module starts.
import { Filter, MAX_FILTERS } from "./filter";

const filters: Array<Filter> = new Array<Filter>();
/** The same, without a call for each access: every request passes here for each filter, three times. */
const addresses: usize = heap.alloc(<usize>MAX_FILTERS * sizeof<usize>());
let count: u32 = 0;

/** For a module's entry file, before its plugin is registered. */
export function installFilter(filter: Filter): void {
  assert(<u32>filters.length < MAX_FILTERS);
  filters.push(filter);
  store<usize>(addresses + <usize>count * sizeof<usize>(), changetype<usize>(filter));
  count++;
}

export function installedFilters(): u32 {
  return count;
}

/** `index` < `installedFilters()`. */
export function installedFilter(index: u32): Filter {
  return changetype<Filter>(load<usize>(addresses + <usize>index * sizeof<usize>()));
}

/** The index of the filter with this name (UTF-8), or -1. */
export function findInstalledFilter(ptr: usize, len: u32): i32 {
  const name = String.UTF8.decodeUnsafe(ptr, len);
  for (let i = 0; i < filters.length; i++) if (filters[i].name == name) return i;
  return -1;
}
