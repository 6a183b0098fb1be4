// Answers that are held back for a fixed time, in the order in which they were made.
#ifndef DELAY_H
#define DELAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct held_answer {
  uint64_t due_ns;
  void *owner;
  size_t size; // Bytes.
};

struct delay_line {
  struct held_answer *ring;
  size_t capacity; // A power of two.
  size_t head;
  size_t count;
};

void delay_push(struct delay_line *line, struct held_answer answer);

// Takes the oldest one when it is due; false when there is none.
bool delay_pop_due(struct delay_line *line, uint64_t now, struct held_answer *answer);

// When the oldest one is due; 0 when there is none.
uint64_t delay_next_due(const struct delay_line *line);

#endif
