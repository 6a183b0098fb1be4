// In which context's name the host takes host calls.
// Allocates: never.

/** Set in this callback by setEffectiveContext; 0: the callback's own. */
export let effectiveContextId: u32 = 0;

/** For setEffectiveContext, and for callbacks as they begin and end. */
export function noteEffectiveContext(id: u32): void {
  effectiveContextId = id;
}
