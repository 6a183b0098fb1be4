#include "buffer.h"

#include <stdlib.h>
#include <string.h>

#include "options.h"

#define SMALLEST_CAPACITY 4096

uint8_t *buffer_reserve(struct buffer *buffer, size_t size) {
  if (buffer->capacity - buffer->end >= size) return buffer->bytes + buffer->end;
  size_t used = buffer_size(buffer);
  // Moving to the front pays only when it frees much; otherwise growing makes it rarer.
  if (buffer->capacity - used >= size && buffer->start >= used) {
    memmove(buffer->bytes, buffer_front(buffer), used);
  } else {
    size_t capacity = buffer->capacity < SMALLEST_CAPACITY ? SMALLEST_CAPACITY : buffer->capacity * 2;
    while (capacity - used < size) capacity *= 2;
    uint8_t *bytes = malloc(capacity);
    if (bytes == NULL) fail("out of memory");
    if (used > 0) memcpy(bytes, buffer_front(buffer), used);
    free(buffer->bytes);
    buffer->bytes = bytes;
    buffer->capacity = capacity;
  }
  buffer->start = 0;
  buffer->end = used;
  return buffer->bytes + used;
}

void buffer_append(struct buffer *buffer, const void *bytes, size_t size) {
  memcpy(buffer_reserve(buffer, size), bytes, size);
  buffer_commit(buffer, size);
}

void buffer_free(struct buffer *buffer) {
  free(buffer->bytes);
  *buffer = (struct buffer){0};
}
