// Clients that know what they have asked: every request has a number of its own, and every answer is
// held to it.
#ifndef CHECK_H
#define CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "buffer.h"
#include "histogram.h"
#include "protocol.h"

// Why the proxy answered itself; docs/operators/error-replies.md has the texts.
enum flag {
  FLAG_NR,
  FLAG_NC,
  FLAG_UH,
  FLAG_UF,
  FLAG_UC,
  FLAG_UO,
  FLAG_UT,
  FLAG_DPE,
  FLAG_UPE,
  FLAG_RL,
  FLAG_UAEX,
  FLAG_FI,
  FLAG_COUNT
};

extern const char *const flag_names[FLAG_COUNT];

struct tally {
  uint64_t sent;      // Requests of which at least one byte may have left.
  uint64_t answered;  // Each with its own payload.
  uint64_t failed[FLAG_COUNT]; // Answered with an error of the proxy's.
  uint64_t abandoned; // Their connection was closed by this side.
  uint64_t lost;      // Neither answered nor failed while their connection stood, or it was closed on them.
  uint64_t foreign;   // Answers to nothing that was asked, or with another one's payload.
  uint64_t duplicated; // Answers to what had been answered.
  uint64_t malformed; // Answers that are not the protocol's, or errors that are not the proxy's.
  uint64_t connected;
  uint64_t refused; // Attempts to connect that failed.
  uint64_t cut;     // Connections that the other side closed.
  uint64_t unserved; // Requests on connections that were reset before a single byte had come back.
};

struct shape {
  struct request_template request;
  const char *method;
};

// What all connections share.
struct check {
  const struct protocol *protocol;
  const char *host;
  int port;
  struct shape *shapes; // One is picked at random for each request.
  unsigned shape_count;
  unsigned in_flight; // Bound per connection.
  unsigned slot_bits; // Bits of an id that name the slot.
  unsigned lifetime;  // Requests after which a connection is closed, on average; 0: never.
  uint64_t next_nonce;
  uint64_t random;
  double allowance; // Requests that may be sent now; refilled by the rate.
  bool is_stopping; // Nothing is sent any more.
  int epoll;
  struct tally tally;
  struct histogram latencies; // Of answers, not of errors.
  const char *first_fault;
};

struct asked {
  uint64_t id; // 0: the slot is free.
  uint64_t hash;
  uint64_t start_ns;
  const char *method;
};

struct client {
  int socket; // -1 while there is none.
  bool is_open;
  bool is_waiting_to_write; // Registered for EPOLLOUT.
  bool has_received;
  bool leaves_at_once;      // At its end it does not wait for what is outstanding.
  unsigned outstanding;
  uint64_t sent;
  uint64_t answered;
  uint64_t last; // Number of requests after which it ends; 0: never.
  struct asked *slots;
  unsigned *free_slots; // Stack of `in_flight - outstanding`; unused when answers are ordered.
  struct buffer in;
  struct buffer out;
};

// Uniform in 0 .. bound - 1.
unsigned check_random(struct check *check, unsigned bound);

void client_init(struct check *check, struct client *client);

void client_dial(struct check *check, struct client *client);

// Handles what epoll tells, and sends what may be sent.
void client_handle(struct check *check, struct client *client, uint32_t events, uint64_t now);

// Sends as much as bounds and allowance permit.
void client_fill(struct check *check, struct client *client, uint64_t now);

// What is outstanding is lost, or abandoned when this side closes.
void client_close(struct check *check, struct client *client, bool is_own_wish);

#endif
