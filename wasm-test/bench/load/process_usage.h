// What another process has used so far.
#ifndef PROCESS_USAGE_H
#define PROCESS_USAGE_H

#include <stdint.h>
#include <sys/types.h>

struct process_usage {
  uint64_t cpu_ns;         // All threads, user and system.
  uint64_t resident_bytes; // Resident set.
};

// All 0 for pid 0. Ends this process when there is no such process.
struct process_usage process_usage(pid_t pid);

#endif
