#include "check.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bytes.h"
#include "net.h"
#include "options.h"

#define READ_LIMIT (1u << 20)

const char *const flag_names[FLAG_COUNT] = {"nr", "nc",  "uh",  "uf", "uc",   "uo",
                                            "ut", "dpe", "upe", "rl", "uaex", "fi"};

// A part of each text, in the order of the flags.
static const char *const flag_texts[FLAG_COUNT] = {
    "no route",          "is unknown",
    "no healthy endpoint", "cannot connect",
    "ended before the response", "too many requests",
    "no response within", "the request is malformed",
    "the response is malformed", "rate limit exceeded",
    "access denied", "aborted by fault injection",
};

unsigned check_random(struct check *check, unsigned bound) {
  check->random ^= check->random << 13;
  check->random ^= check->random >> 7;
  check->random ^= check->random << 17;
  return (unsigned)((check->random >> 32) * bound >> 32);
}

static void *allocate(size_t count, size_t size) {
  void *memory = calloc(count, size);
  if (memory == NULL) fail("out of memory");
  return memory;
}

void client_init(struct check *check, struct client *client) {
  *client = (struct client){.socket = -1};
  client->slots = allocate(check->in_flight, sizeof *client->slots);
  client->free_slots = allocate(check->in_flight, sizeof *client->free_slots);
}

static void register_events(struct check *check, struct client *client, int operation) {
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
  if (client->is_waiting_to_write) event.events |= EPOLLOUT;
  if (epoll_ctl(check->epoll, operation, client->socket, &event) != 0) fail("epoll_ctl failed");
}

void client_dial(struct check *check, struct client *client) {
  buffer_free(&client->in);
  buffer_free(&client->out);
  client->is_open = client->has_received = false;
  client->outstanding = 0;
  client->sent = client->answered = 0;
  client->last = check->lifetime == 0 ? 0 : 1 + check_random(check, 2 * check->lifetime);
  client->leaves_at_once = check_random(check, 4) == 0;
  for (unsigned i = 0; i < check->in_flight; i++) {
    client->slots[i].id = 0;
    client->free_slots[i] = i;
  }
  client->socket = tcp_connect(check->host, check->port);
  client->is_waiting_to_write = true;
  register_events(check, client, EPOLL_CTL_ADD);
}

void client_close(struct check *check, struct client *client, bool is_own_wish) {
  // With a reset now and then: a peer that vanishes is not one that leaves.
  struct linger abort = {.l_onoff = 1, .l_linger = 0};
  if (is_own_wish && client->outstanding > 0 && check_random(check, 2) == 0) {
    setsockopt(client->socket, SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
  }
  close(client->socket);
  client->socket = -1;
  client->is_open = false;
  if (is_own_wish) {
    check->tally.abandoned += client->outstanding;
  } else if (client->has_received) {
    check->tally.lost += client->outstanding;
    check->tally.cut++;
  } else {
    check->tally.unserved += client->outstanding;
    check->tally.refused++;
  }
  client->outstanding = 0;
}

static void write_nonce(uint8_t *at, uint64_t value) {
  static const char digits[] = "0123456789abcdef";
  for (int i = NONCE_SIZE - 1; i >= 0; i--, value >>= 4) at[i] = (uint8_t)digits[value & 15];
}

static unsigned take_slot(struct check *check, struct client *client) {
  if (check->protocol->is_ordered) return (unsigned)(client->sent % check->in_flight);
  return client->free_slots[check->in_flight - client->outstanding - 1];
}

// The number of an id: 1 for the first request of a connection. Ids repeat on other connections, as those
// of independent clients do; the nonce never repeats.
static uint64_t id_of(const struct check *check, uint64_t number, unsigned slot) {
  uint64_t mask = check->protocol->id_bits == 64 ? UINT64_MAX : (1ull << check->protocol->id_bits) - 1;
  return (number << check->slot_bits | slot) & mask;
}

static void client_send(struct check *check, struct client *client, uint64_t now) {
  const struct shape *shape = &check->shapes[check_random(check, check->shape_count)];
  unsigned index = take_slot(check, client);
  uint64_t id = id_of(check, client->sent + 1, index);
  size_t size = buffer_size(&shape->request.frame);
  uint8_t *frame = buffer_reserve(&client->out, size);
  memcpy(frame, buffer_front(&shape->request.frame), size);
  buffer_commit(&client->out, size);
  if (check->protocol->id_bits == 64) {
    store_u64(frame + shape->request.id_at, id);
  } else {
    store_u32(frame + shape->request.id_at, (uint32_t)id);
  }
  write_nonce(frame + shape->request.nonce_at, check->next_nonce++);
  uint64_t hash = expected_hash(shape->request.tail_hash, frame + shape->request.nonce_at);
  client->slots[index] = (struct asked){.id = id, .hash = hash, .start_ns = now, .method = shape->method};
  client->sent++;
  client->outstanding++;
  check->tally.sent++;
}

static void note(struct check *check, uint64_t *counter, const char *fault) {
  ++*counter;
  if (check->first_fault == NULL) check->first_fault = fault;
}

// Counts an error under its flag; one that the proxy did not make is malformed: servers make none.
static void count_failure(struct check *check, const uint8_t *frame, size_t size) {
  static const char mark[] = "metaproto: ";
  const uint8_t *text = memmem(frame, size, mark, sizeof mark - 1);
  for (int i = 0; text != NULL && i < FLAG_COUNT; i++) {
    if (memmem(text, size - (size_t)(text - frame), flag_texts[i], strlen(flag_texts[i])) == NULL) continue;
    check->tally.failed[i]++;
    return;
  }
  note(check, &check->tally.malformed, "an error that is not the proxy's");
}

// The slot that a response belongs to, or NULL when it belongs to none; that is counted.
static struct asked *find_slot(struct check *check, struct client *client, uint64_t id) {
  unsigned index = (unsigned)(id & ((1ull << check->slot_bits) - 1));
  bool is_asked = index < check->in_flight && id != 0 && client->slots[index].id == id;
  if (is_asked && (!check->protocol->is_ordered || index == client->answered % check->in_flight)) {
    return &client->slots[index];
  }
  uint64_t number = id >> check->slot_bits;
  if (!is_asked && number > 0 && number <= client->sent) {
    note(check, &check->tally.duplicated, "an answer to what had been answered");
  } else {
    note(check, &check->tally.foreign, is_asked ? "an answer ahead of its turn" : "an id that was never asked");
  }
  return NULL;
}

static void check_answer(struct check *check, struct client *client, size_t size, uint64_t now) {
  const uint8_t *frame = buffer_front(&client->in);
  struct response response;
  // The method of the oldest one is that of an ordered answer; other protocols do not say it.
  unsigned oldest = (unsigned)(client->answered % check->in_flight);
  const char *method = client->slots[oldest].method;
  check->protocol->read_response(frame, size, method == NULL ? "" : method, &response);
  if (response.fault != NULL) {
    note(check, &check->tally.malformed, response.fault);
    return;
  }
  struct asked *slot = find_slot(check, client, response.id);
  if (slot == NULL) return;
  if (!response.is_success) {
    count_failure(check, frame, size);
  } else if (response.payload_hash != slot->hash) {
    note(check, &check->tally.foreign, "the payload of another request");
  } else {
    check->tally.answered++;
    histogram_record(&check->latencies, now - slot->start_ns);
  }
  slot->id = 0;
  client->answered++;
  client->outstanding--;
  client->free_slots[check->in_flight - client->outstanding - 1] = (unsigned)(slot - client->slots);
}

// False when the connection is of no more use.
static bool receive(struct check *check, struct client *client, uint64_t now) {
  bool is_alive = read_available(client->socket, &client->in, READ_LIMIT);
  client->has_received |= buffer_size(&client->in) > 0;
  for (;;) {
    size_t available = buffer_size(&client->in);
    size_t size = check->protocol->frame_length(buffer_front(&client->in), available);
    if (size == FRAME_INVALID) {
      note(check, &check->tally.malformed, "bytes that are no frame");
      return false;
    }
    if (size == 0 || size > available) break;
    check_answer(check, client, size, now);
    buffer_consume(&client->in, size);
  }
  return is_alive;
}

static bool is_done(const struct client *client) { return client->last != 0 && client->sent >= client->last; }

void client_fill(struct check *check, struct client *client, uint64_t now) {
  if (!client->is_open) return;
  while (!check->is_stopping && !is_done(client) && client->outstanding < check->in_flight && check->allowance >= 1) {
    check->allowance -= 1;
    client_send(check, client, now);
  }
  // The end of the connection is seen, and counted, by the one who reads.
  if (!write_available(client->socket, &client->out, buffer_size(&client->out))) return;
  bool is_waiting = buffer_size(&client->out) > 0;
  if (is_waiting != client->is_waiting_to_write) {
    client->is_waiting_to_write = is_waiting;
    register_events(check, client, EPOLL_CTL_MOD);
  }
  if (is_done(client) && !check->is_stopping && (client->outstanding == 0 || client->leaves_at_once)) {
    client_close(check, client, true);
  }
}

static void finish_dial(struct check *check, struct client *client) {
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(client->socket, SOL_SOCKET, SO_ERROR, &error, &size);
  client->is_open = error == 0;
  if (client->is_open) {
    check->tally.connected++;
    return;
  }
  check->tally.refused++;
  close(client->socket);
  client->socket = -1;
}

void client_handle(struct check *check, struct client *client, uint32_t events, uint64_t now) {
  if (client->socket < 0) return;
  if (!client->is_open) finish_dial(check, client);
  if (!client->is_open) return;
  bool is_readable = (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0;
  if (is_readable && !receive(check, client, now)) {
    client_close(check, client, false);
    return;
  }
  client_fill(check, client, now);
}
