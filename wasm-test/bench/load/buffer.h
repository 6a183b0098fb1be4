// Bytes that are appended at the end and consumed at the front.
#ifndef BUFFER_H
#define BUFFER_H

#include <stddef.h>
#include <stdint.h>

struct buffer {
  uint8_t *bytes;
  size_t start; // First byte that is not consumed.
  size_t end;   // After the last byte.
  size_t capacity;
};

static inline size_t buffer_size(const struct buffer *buffer) { return buffer->end - buffer->start; }

static inline uint8_t *buffer_front(const struct buffer *buffer) { return buffer->bytes + buffer->start; }

// Makes room for `size` more bytes and returns where they go; `buffer_commit` counts them in. Moves what
// is there, so pointers into the buffer are invalid afterwards. Ends the process when memory is out.
uint8_t *buffer_reserve(struct buffer *buffer, size_t size);

static inline void buffer_commit(struct buffer *buffer, size_t size) { buffer->end += size; }

void buffer_append(struct buffer *buffer, const void *bytes, size_t size);

static inline void buffer_consume(struct buffer *buffer, size_t size) {
  buffer->start += size;
  if (buffer->start == buffer->end) buffer->start = buffer->end = 0;
}

void buffer_free(struct buffer *buffer);

#endif
