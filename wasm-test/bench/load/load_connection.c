#include "load_connection.h"

#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "bytes.h"
#include "net.h"
#include "options.h"

#define READ_LIMIT (1u << 20)

static void *allocate(size_t count, size_t size) {
  void *memory = calloc(count, size);
  if (memory == NULL) fail("out of memory");
  return memory;
}

void connection_init(struct load *load, struct connection *connection, unsigned index) {
  *connection = (struct connection){.socket = -1, .index = index};
  connection->slots = allocate(load->in_flight, sizeof *connection->slots);
  connection->free_slots = allocate(load->in_flight, sizeof *connection->free_slots);
}

static void register_events(struct load *load, struct connection *connection, int operation) {
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
  if (connection->is_waiting_to_write) event.events |= EPOLLOUT;
  if (epoll_ctl(load->epoll, operation, connection->socket, &event) != 0) fail("epoll_ctl failed");
}

void connection_dial(struct load *load, struct connection *connection) {
  buffer_free(&connection->in);
  buffer_free(&connection->out);
  connection->is_open = false;
  connection->outstanding = 0;
  connection->sent = connection->answered = 0;
  for (unsigned i = 0; i < load->in_flight; i++) {
    connection->slots[i].id = 0;
    connection->free_slots[i] = i;
  }
  connection->socket = tcp_connect(load->host, load->port);
  connection->is_waiting_to_write = true;
  register_events(load, connection, EPOLL_CTL_ADD);
}

static unsigned take_slot(struct load *load, struct connection *connection) {
  if (load->is_ordered) return (unsigned)(connection->sent % load->in_flight);
  return connection->free_slots[load->in_flight - connection->outstanding - 1];
}

// The same ids are used on every connection, as independent clients do; the nonce tells them apart.
static void write_nonce(uint8_t *at, const struct connection *connection) {
  static const char digits[] = "0123456789abcdef";
  uint64_t value = (uint64_t)connection->index << 40 | (connection->sent & 0xffffffffffu);
  for (int i = NONCE_SIZE - 1; i >= 0; i--, value >>= 4) at[i] = (uint8_t)digits[value & 15];
}

void connection_send(struct load *load, struct connection *connection, uint64_t start_ns) {
  const struct request_template *request = &load->request;
  unsigned index = take_slot(load, connection);
  uint64_t mask = load->protocol->id_bits == 64 ? UINT64_MAX : (1ull << load->protocol->id_bits) - 1;
  // Numbers start at 1, and 0 stays the mark of a free slot also after the counter has wrapped.
  uint64_t id = ((connection->sent + 1) << load->slot_bits | index) & mask;
  if (id == 0) id = mask & ~((1ull << load->slot_bits) - 1);
  size_t size = buffer_size(&request->frame);
  uint8_t *frame = buffer_reserve(&connection->out, size);
  memcpy(frame, buffer_front(&request->frame), size);
  buffer_commit(&connection->out, size);
  if (load->protocol->id_bits == 64) {
    store_u64(frame + request->id_at, id);
  } else {
    store_u32(frame + request->id_at, (uint32_t)id);
  }
  write_nonce(frame + request->nonce_at, connection);
  uint64_t hash = expected_hash(request->tail_hash, frame + request->nonce_at);
  connection->slots[index] = (struct slot){.id = id, .hash = hash, .start_ns = start_ns};
  connection->sent++;
  connection->outstanding++;
}

void connection_flush(struct load *load, struct connection *connection) {
  if (!write_available(connection->socket, &connection->out, buffer_size(&connection->out))) {
    // The end of the connection is also seen, and counted, by the one who reads.
    return;
  }
  bool is_waiting = buffer_size(&connection->out) > 0;
  if (is_waiting == connection->is_waiting_to_write) return;
  connection->is_waiting_to_write = is_waiting;
  register_events(load, connection, EPOLL_CTL_MOD);
}

static void mismatch(struct load *load, const char *fault) {
  load->mismatched++;
  if (load->first_fault == NULL) load->first_fault = fault;
}

static void check_answer(struct load *load, struct connection *connection, const struct response *response,
                         uint64_t now) {
  unsigned index = (unsigned)(response->id & ((1ull << load->slot_bits) - 1));
  if (index >= load->in_flight || response->id == 0 || connection->slots[index].id != response->id) {
    mismatch(load, "an id that is not open on its connection");
    return;
  }
  if (load->is_ordered && index != connection->answered % load->in_flight) {
    mismatch(load, "not the answer to the oldest request");
    return;
  }
  struct slot *slot = &connection->slots[index];
  if (!response->is_success) {
    load->errors++;
  } else if (response->payload_hash != slot->hash) {
    mismatch(load, "the payload of another request");
  }
  load->answers++;
  bool is_counted = now >= load->measure_from_ns && now < load->measure_to_ns;
  if (is_counted) load->requests++;
  // Of the open loop every request that was due within the time counts, however late its answer.
  if (load->is_open_loop) is_counted = slot->start_ns >= load->measure_from_ns && slot->start_ns < load->measure_to_ns;
  if (is_counted) histogram_record(&load->latencies, now - slot->start_ns);
  slot->id = 0;
  connection->answered++;
  connection->outstanding--;
  connection->free_slots[load->in_flight - connection->outstanding - 1] = index;
}

unsigned connection_receive(struct load *load, struct connection *connection, uint64_t now) {
  bool is_alive = read_available(connection->socket, &connection->in, READ_LIMIT);
  unsigned answers = 0;
  for (;;) {
    const uint8_t *front = buffer_front(&connection->in);
    size_t available = buffer_size(&connection->in);
    size_t size = load->protocol->frame_length(front, available);
    if (size == FRAME_INVALID) {
      mismatch(load, "bytes that are no frame");
      is_alive = false;
      break;
    }
    if (size == 0 || size > available) break;
    struct response response;
    load->protocol->read_response(front, size, load->method, &response);
    if (response.fault != NULL) {
      mismatch(load, response.fault);
    } else {
      check_answer(load, connection, &response, now);
    }
    buffer_consume(&connection->in, size);
    answers++;
  }
  if (!is_alive) connection_close(load, connection);
  return answers;
}

void connection_close(struct load *load, struct connection *connection) {
  close(connection->socket);
  connection->socket = -1;
  connection->is_open = false;
  load->errors += connection->outstanding;
  load->closed++;
  connection->outstanding = 0;
}
