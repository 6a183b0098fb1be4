#include "hessian.h"

#include <string.h>

#include "bytes.h"

#define LARGEST_CHUNK 0x8000

#define HIGH_BITS 0x8080808080808080ull

// After `units` UTF-16 units of text, or NULL. Each half of a surrogate pair counts as one unit and is
// three bytes long when Java wrote it; a four-byte sequence counts as two.
static const uint8_t *skip_units(const uint8_t *at, const uint8_t *end, size_t units) {
  while (units > 0) {
    uint64_t word;
    if (units >= 8 && end - at >= 8) {
      memcpy(&word, at, 8);
      if ((word & HIGH_BITS) == 0) {
        at += 8;
        units -= 8;
        continue;
      }
    }
    if (at >= end) return NULL;
    size_t length = *at < 0x80 ? 1 : *at < 0xe0 ? 2 : *at < 0xf0 ? 3 : 4;
    size_t width = length == 4 ? 2 : 1;
    if ((size_t)(end - at) < length || units < width) return NULL;
    at += length;
    units -= width;
  }
  return at;
}

int hessian_chunk(const uint8_t *at, const uint8_t *end, struct hessian_chunk *chunk) {
  if (at >= end) return 0;
  uint8_t tag = *at++;
  size_t units;
  chunk->is_last = tag != 'R';
  if (tag < 0x20) {
    units = tag;
  } else if (tag >= 0x30 && tag <= 0x33) {
    if (end - at < 1) return 0;
    units = (size_t)(tag - 0x30) << 8 | *at++;
  } else if (tag == 'R' || tag == 'S') {
    if (end - at < 2) return 0;
    units = load_u16(at);
    at += 2;
  } else {
    return 0;
  }
  chunk->text = at;
  chunk->next = skip_units(at, end, units);
  if (chunk->next == NULL) return 0;
  chunk->size = (size_t)(chunk->next - at);
  return 1;
}

const uint8_t *hessian_skip_string(const uint8_t *at, const uint8_t *end) {
  struct hessian_chunk chunk;
  do {
    if (!hessian_chunk(at, end, &chunk)) return NULL;
    at = chunk.next;
  } while (!chunk.is_last);
  return at;
}

size_t hessian_append_string(struct buffer *out, const void *text, size_t size) {
  const uint8_t *rest = text;
  size_t start = buffer_size(out);
  size_t first_head = size > LARGEST_CHUNK || size >= 0x400 ? 3 : size >= 0x20 ? 2 : 1;
  for (; size > LARGEST_CHUNK; size -= LARGEST_CHUNK, rest += LARGEST_CHUNK) {
    buffer_append(out, (uint8_t[]){'R', LARGEST_CHUNK >> 8, LARGEST_CHUNK & 0xff}, 3);
    buffer_append(out, rest, LARGEST_CHUNK);
  }
  uint8_t high = (uint8_t)(size >> 8), low = (uint8_t)size;
  if (size < 0x20) {
    buffer_append(out, (uint8_t[]){low}, 1);
  } else if (size < 0x400) {
    buffer_append(out, (uint8_t[]){0x30 + high, low}, 2);
  } else {
    buffer_append(out, (uint8_t[]){'S', high, low}, 3);
  }
  buffer_append(out, rest, size);
  return start + first_head;
}
