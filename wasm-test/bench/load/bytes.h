// Big-endian integers in bytes.
#ifndef BYTES_H
#define BYTES_H

#include <stdint.h>
#include <string.h>

static inline uint16_t load_u16(const uint8_t *bytes) {
  uint16_t value;
  memcpy(&value, bytes, sizeof value);
  return __builtin_bswap16(value);
}

static inline uint32_t load_u32(const uint8_t *bytes) {
  uint32_t value;
  memcpy(&value, bytes, sizeof value);
  return __builtin_bswap32(value);
}

static inline uint64_t load_u64(const uint8_t *bytes) {
  uint64_t value;
  memcpy(&value, bytes, sizeof value);
  return __builtin_bswap64(value);
}

static inline void store_u16(uint8_t *bytes, uint16_t value) {
  value = __builtin_bswap16(value);
  memcpy(bytes, &value, sizeof value);
}

static inline void store_u32(uint8_t *bytes, uint32_t value) {
  value = __builtin_bswap32(value);
  memcpy(bytes, &value, sizeof value);
}

static inline void store_u64(uint8_t *bytes, uint64_t value) {
  value = __builtin_bswap64(value);
  memcpy(bytes, &value, sizeof value);
}

#endif
