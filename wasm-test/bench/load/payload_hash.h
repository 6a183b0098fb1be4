// A fast 64-bit hash by which a response is recognized as the echo of its own request. Not for security.
#ifndef PAYLOAD_HASH_H
#define PAYLOAD_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define HASH_MULTIPLIER 0x9e3779b97f4a7c15ull

static inline uint64_t hash_word(uint64_t hash, uint64_t word) {
  hash = (hash ^ word) * HASH_MULTIPLIER;
  return hash ^ (hash >> 29);
}

// Adds `size` bytes. Parts give the same hash as the whole as long as all but the last are a multiple
// of 8 bytes long.
static inline uint64_t hash_bytes(uint64_t hash, const uint8_t *bytes, size_t size) {
  uint64_t word;
  for (; size >= 8; bytes += 8, size -= 8) {
    memcpy(&word, bytes, 8);
    hash = hash_word(hash, word);
  }
  if (size > 0) {
    word = size;
    memcpy((uint8_t *)&word + 1, bytes, size);
    hash = hash_word(hash, word);
  }
  return hash;
}

#endif
