// Options of the command line: --NAME VALUE, in any order.
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>

struct option_spec {
  const char *name; // Without the dashes.
  const char **text; // Either this
  double *number;    // or this is set.
};

// Ends the process with a line that names the option when one is unknown or has no proper value.
// `count` specs; `usage` is printed with the error.
void read_options(int argc, char **argv, const struct option_spec *specs, int count, const char *usage);

// Prints a line to standard error and ends the process with 1.
_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
