#include "protocol.h"

#include <string.h>

#include "options.h"
#include "payload_hash.h"

const struct protocol *find_protocol(const char *name) {
  static const struct protocol *const all[] = {&dubbo_protocol, &thrift_protocol};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    if (strcmp(all[i]->name, name) == 0) return all[i];
  }
  fail("unknown protocol %s (dubbo, thrift)", name);
}

uint64_t expected_hash(uint64_t tail_hash, const uint8_t *nonce) {
  return hash_bytes(tail_hash, nonce, NONCE_SIZE);
}
