#include "later.h"

#include <stdlib.h>

#include "options.h"

#define FIRST_CAPACITY 1024

static void swap(struct later_item *a, struct later_item *b) {
  struct later_item kept = *a;
  *a = *b;
  *b = kept;
}

void later_push(struct later *later, struct later_item item) {
  if (later->count == later->capacity) {
    later->capacity = later->capacity == 0 ? FIRST_CAPACITY : later->capacity * 2;
    later->heap = realloc(later->heap, later->capacity * sizeof *later->heap);
    if (later->heap == NULL) fail("out of memory");
  }
  size_t at = later->count++;
  later->heap[at] = item;
  while (at > 0 && later->heap[(at - 1) / 2].due_ns > later->heap[at].due_ns) {
    swap(&later->heap[at], &later->heap[(at - 1) / 2]);
    at = (at - 1) / 2;
  }
}

bool later_pop_due(struct later *later, uint64_t now, struct later_item *item) {
  if (later->count == 0 || later->heap[0].due_ns > now) return false;
  *item = later->heap[0];
  later->heap[0] = later->heap[--later->count];
  for (size_t at = 0;;) {
    size_t least = 2 * at + 1;
    if (least >= later->count) break;
    if (least + 1 < later->count && later->heap[least + 1].due_ns < later->heap[least].due_ns) least++;
    if (later->heap[at].due_ns <= later->heap[least].due_ns) break;
    swap(&later->heap[at], &later->heap[least]);
    at = least;
  }
  return true;
}
