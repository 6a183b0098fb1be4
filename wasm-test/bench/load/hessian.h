// Hessian2 strings, http://hessian.caucho.com/doc/hessian-serialization.html
#ifndef HESSIAN_H
#define HESSIAN_H

#include <stddef.h>
#include <stdint.h>

#include "buffer.h"

// Part of a string on the wire.
struct hessian_chunk {
  const uint8_t *text;
  size_t size; // Bytes.
  const uint8_t *next; // After the chunk.
  int is_last;
};

// Reads the chunk at `at`; returns 0 when there is no valid one before `end`.
int hessian_chunk(const uint8_t *at, const uint8_t *end, struct hessian_chunk *chunk);

// After the string at `at`, or NULL when there is no valid one before `end`.
const uint8_t *hessian_skip_string(const uint8_t *at, const uint8_t *end);

// Appends ASCII text in chunks of at most 32768 characters, as Java writes it. Returns the offset, in the
// buffer, of the first character.
size_t hessian_append_string(struct buffer *out, const void *text, size_t size);

#endif
