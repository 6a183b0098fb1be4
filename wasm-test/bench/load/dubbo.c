// Dubbo 2 with Hessian2 bodies.
//   byte 0..1 magic da bb | 2 flags and serialization | 3 status | 4..11 request id | 12..15 body length
#include <string.h>

#include "bytes.h"
#include "hessian.h"
#include "payload_hash.h"
#include "protocol.h"

#define HEADER_SIZE 16
#define LARGEST_BODY (64u << 20)

#define FLAG_REQUEST 0x80
#define FLAG_TWO_WAY 0x40
#define FLAG_EVENT 0x20
#define SERIALIZATION_MASK 0x1f
#define SERIALIZATION_HESSIAN2 2
#define STATUS_OK 20

#define HESSIAN_INT_0 0x90 // The one-byte integers -16..47 follow each other.
#define TAG_VALUE (HESSIAN_INT_0 + 1)
#define TAG_VALUE_WITH_ATTACHMENTS (HESSIAN_INT_0 + 4)
#define TAG_NULL_WITH_ATTACHMENTS (HESSIAN_INT_0 + 5)

static size_t frame_length(const uint8_t *bytes, size_t size) {
  if (size < HEADER_SIZE) return 0;
  uint32_t body = load_u32(bytes + 12);
  if (bytes[0] != 0xda || bytes[1] != 0xbb || body > LARGEST_BODY) return FRAME_INVALID;
  return HEADER_SIZE + (size_t)body;
}

static void append_text(struct buffer *out, const char *text) { hessian_append_string(out, text, strlen(text)); }

static void make_template(struct request_template *request, const char *service, const char *method,
                          const uint8_t *payload, size_t size) {
  struct buffer *out = &request->frame;
  uint8_t header[HEADER_SIZE] = {0xda, 0xbb, FLAG_REQUEST | FLAG_TWO_WAY | SERIALIZATION_HESSIAN2};
  buffer_append(out, header, HEADER_SIZE);
  append_text(out, "2.0.2");
  append_text(out, service);
  append_text(out, "0.0.0");
  append_text(out, method);
  append_text(out, "Ljava/lang/String;");
  request->nonce_at = hessian_append_string(out, payload, size);
  buffer_append(out, "H", 1);
  append_text(out, "path");
  append_text(out, service);
  append_text(out, "interface");
  append_text(out, service);
  buffer_append(out, "Z", 1);
  store_u32(buffer_front(out) + 12, (uint32_t)(buffer_size(out) - HEADER_SIZE));
  request->id_at = 4;
  request->tail_hash = hash_bytes(0, payload + NONCE_SIZE, size - NONCE_SIZE);
}

// Hash of the string at `at` as `expected_hash`; false when it is not one with a nonce.
static bool hash_string(const uint8_t *at, const uint8_t *end, uint64_t *hash) {
  struct hessian_chunk chunk;
  if (!hessian_chunk(at, end, &chunk) || chunk.size < NONCE_SIZE) return false;
  const uint8_t *nonce = chunk.text;
  uint64_t tail = hash_bytes(0, chunk.text + NONCE_SIZE, chunk.size - NONCE_SIZE);
  while (!chunk.is_last) {
    if (!hessian_chunk(chunk.next, end, &chunk)) return false;
    tail = hash_bytes(tail, chunk.text, chunk.size);
  }
  *hash = expected_hash(tail, nonce);
  return true;
}

static void read_response(const uint8_t *frame, size_t size, const char *method, struct response *response) {
  (void)method;
  response->id = load_u64(frame + 4);
  response->is_success = false;
  response->fault = NULL;
  if ((frame[2] & FLAG_REQUEST) != 0 || (frame[2] & SERIALIZATION_MASK) != SERIALIZATION_HESSIAN2) {
    response->fault = "no Hessian2 response";
    return;
  }
  if (frame[3] != STATUS_OK || size == HEADER_SIZE) return;
  const uint8_t *body = frame + HEADER_SIZE;
  if (*body != TAG_VALUE && *body != TAG_VALUE_WITH_ATTACHMENTS) return;
  if (!hash_string(body + 1, frame + size, &response->payload_hash)) {
    response->fault = "the value is no string";
    return;
  }
  response->is_success = true;
}

// The first argument of a request when it is a string, with the bytes that announce it; else NULL.
static const uint8_t *first_argument(const uint8_t *body, const uint8_t *end, const uint8_t **after) {
  // Dubbo version, interface, service version, method, descriptor of the parameters.
  const uint8_t *at = body;
  for (int i = 0; i < 5 && at != NULL; i++) at = hessian_skip_string(at, end);
  if (at == NULL) return NULL;
  *after = hessian_skip_string(at, end);
  return *after == NULL ? NULL : at;
}

static void finish_frame(struct buffer *out, size_t start) {
  size_t body = buffer_size(out) - start - HEADER_SIZE;
  store_u32(buffer_front(out) + start + 12, (uint32_t)body);
}

static bool answer(const uint8_t *frame, size_t size, struct buffer *out) {
  uint8_t flags = frame[2];
  if ((flags & FLAG_REQUEST) == 0) return false;
  if ((flags & FLAG_TWO_WAY) == 0) return true;
  uint8_t serialization = flags & SERIALIZATION_MASK;
  size_t start = buffer_size(out);
  uint8_t header[HEADER_SIZE] = {0xda, 0xbb, (flags & FLAG_EVENT) | serialization, STATUS_OK};
  memcpy(header + 4, frame + 4, 8);
  buffer_append(out, header, HEADER_SIZE);
  if ((flags & FLAG_EVENT) != 0) {
    buffer_append(out, "N", 1);
  } else {
    if (serialization != SERIALIZATION_HESSIAN2) return false;
    const uint8_t *after;
    const uint8_t *argument = first_argument(frame + HEADER_SIZE, frame + size, &after);
    buffer_append(out, &(uint8_t){argument == NULL ? TAG_NULL_WITH_ATTACHMENTS : TAG_VALUE_WITH_ATTACHMENTS}, 1);
    if (argument != NULL) buffer_append(out, argument, (size_t)(after - argument));
    static const char attachments[] = "H\005dubbo\0052.0.2Z";
    buffer_append(out, attachments, sizeof attachments - 1);
  }
  finish_frame(out, start);
  return true;
}

const struct protocol dubbo_protocol = {
    .name = "dubbo",
    .is_ordered = false,
    .id_bits = 64,
    .frame_length = frame_length,
    .make_template = make_template,
    .read_response = read_response,
    .answer = answer,
};
