// Bounds of one route configuration, such that building it can neither exhaust the memory of the VM
// nor take more than moments. What exceeds them is refused as a whole.
// Allocates: never.

export const MAX_ROUTES: u32 = 100000;
export const MAX_MATCHES_PER_ROUTE: u32 = 64;
export const MAX_DESTINATIONS_PER_ROUTE: u32 = 1024;
export const MAX_MIRRORS_PER_ROUTE: u32 = 16;
export const MAX_MUTATIONS_PER_ROUTE: u32 = 256;
/** Names, keys and values. */
export const MAX_TEXT_BYTES: u32 = 4096;
/** All that is recorded of a configuration while it is read. */
export const MAX_CONFIGURATION_BYTES: u32 = 64 << 20;
/** 24 days: what fits a signed number of milliseconds. */
export const MAX_DURATION_MS: i64 = 0x7fffffff;
