#include "lifetime.h"

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net.h"

void wait_for_end(double seconds) {
  struct stat status;
  // Other inputs, a terminal or /dev/null of a background job, say nothing about who started this.
  bool is_pipe = fstat(STDIN_FILENO, &status) == 0 && (S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode));
  struct pollfd input = {.fd = is_pipe ? STDIN_FILENO : -1, .events = POLLIN};
  uint64_t end = now_ns() + (uint64_t)(seconds * 1e9);
  for (uint64_t now = now_ns(); now < end; now = now_ns()) {
    if (poll(&input, 1, (int)((end - now) / 1000000) + 1) <= 0) continue;
    char ignored[4096];
    if (read(STDIN_FILENO, ignored, sizeof ignored) <= 0) return;
  }
}
