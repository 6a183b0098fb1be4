// Thrift, framed transport, strict binary protocol.
//   u32 length | 80 01 00 type | u32 length of the name | name | i32 sequence id | struct
#include <string.h>

#include "bytes.h"
#include "payload_hash.h"
#include "protocol.h"

#define LARGEST_FRAME (64u << 20)
#define VERSION_1 0x80010000u
#define VERSION_MASK 0xffff0000u

#define MESSAGE_CALL 1
#define MESSAGE_REPLY 2
#define MESSAGE_ONEWAY 4

#define FIELD_STRING 11
#define FIELD_HEADER 7 // Type, field id, and the length of the string.

struct message {
  uint8_t type;
  const uint8_t *name;
  uint32_t name_size;
  uint32_t sequence_id;
  const uint8_t *body;
  const uint8_t *end;
};

static size_t frame_length(const uint8_t *bytes, size_t size) {
  if (size < 4) return 0;
  uint32_t length = load_u32(bytes);
  return length > LARGEST_FRAME ? FRAME_INVALID : 4 + (size_t)length;
}

static bool read_message(const uint8_t *frame, size_t size, struct message *message) {
  if (size < 16 || (load_u32(frame + 4) & VERSION_MASK) != VERSION_1) return false;
  message->type = frame[7];
  message->name = frame + 12;
  message->name_size = load_u32(frame + 8);
  if (message->name_size > size - 16) return false;
  message->sequence_id = load_u32(message->name + message->name_size);
  message->body = message->name + message->name_size + 4;
  message->end = frame + size;
  return true;
}

// Appends everything up to the struct; the length of the frame is still 0.
static void append_head(struct buffer *out, uint8_t type, const void *name, uint32_t name_size, uint32_t id) {
  uint8_t head[12] = {0};
  store_u32(head + 4, VERSION_1 | type);
  store_u32(head + 8, name_size);
  buffer_append(out, head, sizeof head);
  buffer_append(out, name, name_size);
  uint8_t sequence_id[4];
  store_u32(sequence_id, id);
  buffer_append(out, sequence_id, sizeof sequence_id);
}

static void append_string(struct buffer *out, uint16_t field, const uint8_t *text, uint32_t size) {
  uint8_t head[FIELD_HEADER] = {FIELD_STRING};
  store_u16(head + 1, field);
  store_u32(head + 3, size);
  buffer_append(out, head, sizeof head);
  buffer_append(out, text, size);
}

static void finish_frame(struct buffer *out, size_t start) {
  buffer_append(out, "\0", 1);
  store_u32(buffer_front(out) + start, (uint32_t)(buffer_size(out) - start - 4));
}

static void make_template(struct request_template *request, const char *service, const char *method,
                          const uint8_t *payload, size_t size) {
  (void)service;
  struct buffer *out = &request->frame;
  append_head(out, MESSAGE_CALL, method, (uint32_t)strlen(method), 0);
  request->id_at = buffer_size(out) - 4;
  request->nonce_at = buffer_size(out) + FIELD_HEADER;
  append_string(out, 1, payload, (uint32_t)size);
  finish_frame(out, 0);
  request->tail_hash = hash_bytes(0, payload + NONCE_SIZE, size - NONCE_SIZE);
}

// The string in field `id` when it is the first of the struct; else NULL.
static const uint8_t *first_string(const struct message *message, uint16_t id, uint32_t *size) {
  if (message->end - message->body < FIELD_HEADER) return NULL;
  if (message->body[0] != FIELD_STRING || load_u16(message->body + 1) != id) return NULL;
  *size = load_u32(message->body + 3);
  const uint8_t *text = message->body + FIELD_HEADER;
  return *size > (size_t)(message->end - text) ? NULL : text;
}

static void read_response(const uint8_t *frame, size_t size, const char *method, struct response *response) {
  struct message message;
  response->is_success = false;
  response->fault = NULL;
  if (!read_message(frame, size, &message)) {
    response->fault = "no strict binary message";
    return;
  }
  response->id = message.sequence_id;
  if (message.name_size != strlen(method) || memcmp(message.name, method, message.name_size) != 0) {
    response->fault = "another method";
    return;
  }
  uint32_t length;
  const uint8_t *text = first_string(&message, 0, &length);
  if (message.type != MESSAGE_REPLY || text == NULL) return;
  if (length < NONCE_SIZE) {
    response->fault = "no payload";
    return;
  }
  uint64_t tail = hash_bytes(0, text + NONCE_SIZE, length - NONCE_SIZE);
  response->payload_hash = expected_hash(tail, text);
  response->is_success = true;
}

static bool answer(const uint8_t *frame, size_t size, struct buffer *out) {
  struct message message;
  if (!read_message(frame, size, &message)) return false;
  if (message.type == MESSAGE_ONEWAY) return true;
  if (message.type != MESSAGE_CALL) return false;
  size_t start = buffer_size(out);
  append_head(out, MESSAGE_REPLY, message.name, message.name_size, message.sequence_id);
  uint32_t length;
  const uint8_t *text = first_string(&message, 1, &length);
  if (text != NULL) append_string(out, 0, text, length);
  finish_frame(out, start);
  return true;
}

const struct protocol thrift_protocol = {
    .name = "thrift",
    .is_ordered = true,
    .id_bits = 31,
    .frame_length = frame_length,
    .make_template = make_template,
    .read_response = read_response,
    .answer = answer,
};
