// What load and serve need to know of a protocol.
#ifndef PROTOCOL_H
#define PROTOCOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buffer.h"

// A payload starts with a nonce of so many hexadecimal digits, different in every request.
#define NONCE_SIZE 16

#define FRAME_INVALID SIZE_MAX

// A request that is ready but for its id and its nonce.
struct request_template {
  struct buffer frame;
  size_t id_at;    // Offset of the id, 8 bytes (Dubbo) or 4 (Thrift).
  size_t nonce_at; // Offset of the nonce.
  uint64_t tail_hash; // Hash of the payload after the nonce, begun with 0.
};

struct response {
  uint64_t id;
  bool is_success;       // False for an error status or an exception.
  uint64_t payload_hash; // As `expected_hash`; valid when is_success.
  const char *fault;     // Why the frame is not what the protocol allows, else NULL.
};

struct protocol {
  const char *name;
  // Responses come in the order of the requests of their connection.
  bool is_ordered;
  unsigned id_bits;
  // Length in bytes of the frame at the front; 0 when more bytes are needed, or FRAME_INVALID.
  size_t (*frame_length)(const uint8_t *bytes, size_t size);
  // `payload` is `size` bytes of ASCII. The service is a Dubbo interface; Thrift does not use it.
  void (*make_template)(struct request_template *request, const char *service, const char *method,
                        const uint8_t *payload, size_t size);
  void (*read_response)(const uint8_t *frame, size_t size, const char *method, struct response *response);
  // Appends the answer to a request, if it has one. False when the request is malformed.
  bool (*answer)(const uint8_t *frame, size_t size, struct buffer *out);
};

extern const struct protocol dubbo_protocol;
extern const struct protocol thrift_protocol;

// Ends the process when there is none of that name.
const struct protocol *find_protocol(const char *name);

// Hash of a whole payload: its nonce, and the rest.
uint64_t expected_hash(uint64_t tail_hash, const uint8_t *nonce);

#endif
