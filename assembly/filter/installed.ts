// The filters of this module, in the order in which requests meet them.
// Allocates: when the module starts.
import { Filter, MAX_FILTERS } from "./filter";

const filters: Array<Filter> = new Array<Filter>();

/** For a module's entry file, before its plugin is registered. */
export function installFilter(filter: Filter): void {
  assert(<u32>filters.length < MAX_FILTERS);
  filters.push(filter);
}

export function installedFilters(): u32 {
  return <u32>filters.length;
}

/** `index` < `installedFilters()`. */
export function installedFilter(index: u32): Filter {
  return unchecked(filters[index]);
}

/** The index of the filter with this name (UTF-8), or -1. */
export function findInstalledFilter(ptr: usize, len: u32): i32 {
  const name = String.UTF8.decodeUnsafe(ptr, len);
  for (let i = 0; i < filters.length; i++) if (filters[i].name == name) return i;
  return -1;
}
