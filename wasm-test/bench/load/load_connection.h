// One connection of the load generator: what it has in flight, and the check of every answer.
#ifndef LOAD_CONNECTION_H
#define LOAD_CONNECTION_H

#include <stdbool.h>
#include <stdint.h>

#include "buffer.h"
#include "histogram.h"
#include "protocol.h"

// What all connections share.
struct load {
  const struct protocol *protocol;
  const char *host;
  int port;
  const char *method;
  struct request_template request;
  unsigned in_flight; // Bound per connection.
  unsigned slot_bits; // Bits of an id that name the slot.
  bool is_ordered;    // Answers must come in the order of the requests.
  int epoll;
  bool is_open_loop;
  uint64_t measure_from_ns; // UINT64_MAX until it begins.
  uint64_t measure_to_ns;   // UINT64_MAX until it ends.
  struct histogram latencies;
  uint64_t answers;    // All of them.
  uint64_t requests;   // Answers within the time of measurement.
  uint64_t errors;     // Answers that are an error, and requests that got no answer.
  uint64_t mismatched; // Answers that are not one to an open request of their connection.
  uint64_t closed;     // Connections that ended.
  const char *first_fault;
};

// A request without an answer; id 0 means that the slot is free.
struct slot {
  uint64_t id;
  uint64_t hash;
  uint64_t start_ns;
};

struct connection {
  int socket; // -1 while there is none.
  bool is_open;
  bool is_waiting_to_write; // Registered for EPOLLOUT.
  unsigned index;
  unsigned outstanding;
  uint64_t sent;     // Requests so far.
  uint64_t answered; // Answers so far.
  struct slot *slots;
  unsigned *free_slots; // Stack of `in_flight - outstanding`; unused when ordered.
  struct buffer in;
  struct buffer out;
};

void connection_init(struct load *load, struct connection *connection, unsigned index);

// Begins to connect; a connection that was there is forgotten.
void connection_dial(struct load *load, struct connection *connection);

// Queues one request; its latency counts from `start_ns`. Only while outstanding < in_flight.
void connection_send(struct load *load, struct connection *connection, uint64_t start_ns);

// Writes what is queued.
void connection_flush(struct load *load, struct connection *connection);

// Reads and checks what has arrived. Returns the number of answers.
unsigned connection_receive(struct load *load, struct connection *connection, uint64_t now);

// Closes it; what is outstanding counts as errors.
void connection_close(struct load *load, struct connection *connection);

#endif
