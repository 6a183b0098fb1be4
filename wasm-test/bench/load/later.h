// Bytes that leave at a time of their own, whatever was held back before them.
#ifndef LATER_H
#define LATER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct later_item {
  uint64_t due_ns;
  void *owner;
  uint8_t *bytes; // Owned by whoever holds the item.
  size_t size;
};

struct later {
  struct later_item *heap; // The earliest first.
  size_t capacity;
  size_t count;
};

void later_push(struct later *later, struct later_item item);

// Takes the earliest one when it is due; false when there is none.
bool later_pop_due(struct later *later, uint64_t now, struct later_item *item);

#endif
