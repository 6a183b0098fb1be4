// How large a table may be: enough for any header, and little enough that no frame costs more than a few
// walks over it.
// Allocates: never.

export const MAX_ATTRIBUTES: i32 = 128;
export const MAX_LAYOUTS: i32 = 16;
export const MAX_MATCHES: i32 = 16;
export const MATCH_BYTES: u32 = 16;
export const MAX_SECTIONS: i32 = 8;
/** Of one layout: bits of a mask. */
export const MAX_VALUES: i32 = 64;
export const MAX_PATH: i32 = 4;
export const MAX_RULES: i32 = 32;
export const MAX_CONDITIONS: i32 = 16;
export const MAX_ALTERNATIVES: i32 = 64;
export const MAX_TERMS: i32 = 8;
/** By how much an id of variable width may grow, with a tag if it was not there. */
export const ID_GROWTH: u64 = 16;
export const MAX_LENGTHS: i32 = 8;
export const MAX_TEMPLATES: i32 = 16;
export const MAX_OPERATIONS: i32 = 128;
export const MAX_GROUPS: u32 = 32;
/** Of one template, in all: an error reply has 512 bytes besides text and context. */
export const MAX_TEMPLATE_BYTES: u32 = 480;
export const MAX_FIXED_BYTES: u32 = 4096;
export const MAX_TEXT_BYTES: u32 = 256;
export const MAX_ADJUST: i32 = 65536;
/** For each of them a code. */
export const ERROR_KINDS: i32 = 13;
