#include "delay.h"

#include <stdlib.h>

#include "options.h"

#define FIRST_CAPACITY 1024

static void grow(struct delay_line *line) {
  size_t capacity = line->capacity == 0 ? FIRST_CAPACITY : line->capacity * 2;
  struct held_answer *ring = malloc(capacity * sizeof *ring);
  if (ring == NULL) fail("out of memory");
  for (size_t i = 0; i < line->count; i++) ring[i] = line->ring[(line->head + i) & (line->capacity - 1)];
  free(line->ring);
  line->ring = ring;
  line->capacity = capacity;
  line->head = 0;
}

void delay_push(struct delay_line *line, struct held_answer answer) {
  if (line->count == line->capacity) grow(line);
  line->ring[(line->head + line->count) & (line->capacity - 1)] = answer;
  line->count++;
}

bool delay_pop_due(struct delay_line *line, uint64_t now, struct held_answer *answer) {
  if (line->count == 0 || line->ring[line->head].due_ns > now) return false;
  *answer = line->ring[line->head];
  line->head = (line->head + 1) & (line->capacity - 1);
  line->count--;
  return true;
}

uint64_t delay_next_due(const struct delay_line *line) {
  return line->count == 0 ? 0 : line->ring[line->head].due_ns;
}
