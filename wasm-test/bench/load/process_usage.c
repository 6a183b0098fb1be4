#include "process_usage.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "options.h"

static uint64_t cpu_ns(pid_t pid) {
  // The clock of a process is exact; /proc/PID/stat counts in steps of 10 ms.
  clockid_t clock;
  struct timespec used;
  if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &used) != 0) fail("no process %d", (int)pid);
  return (uint64_t)used.tv_sec * 1000000000u + (uint64_t)used.tv_nsec;
}

static uint64_t resident_bytes(pid_t pid) {
  char path[32];
  snprintf(path, sizeof path, "/proc/%d/statm", (int)pid);
  FILE *file = fopen(path, "r");
  unsigned long long total, resident;
  if (file == NULL || fscanf(file, "%llu %llu", &total, &resident) != 2) fail("%s cannot be read", path);
  fclose(file);
  return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

struct process_usage process_usage(pid_t pid) {
  if (pid == 0) return (struct process_usage){0};
  return (struct process_usage){.cpu_ns = cpu_ns(pid), .resident_bytes = resident_bytes(pid)};
}
