// The filters of every built-in module, in the order in which requests meet them: those that observe first,
// so that they see what the others refuse.
// Allocates: when the module starts.

/** Before the plugin is registered. */
export function installBuiltInFilters(): void {}
