#include "options.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Noreturn void fail(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  fputc('\n', stderr);
  exit(1);
}

static const struct option_spec *find(const char *argument, const struct option_spec *specs, int count) {
  for (int i = 0; i < count; i++) {
    if (strncmp(argument, "--", 2) == 0 && strcmp(argument + 2, specs[i].name) == 0) return &specs[i];
  }
  return NULL;
}

void read_options(int argc, char **argv, const struct option_spec *specs, int count, const char *usage) {
  for (int i = 1; i < argc; i += 2) {
    const struct option_spec *spec = find(argv[i], specs, count);
    if (spec == NULL) fail("unknown option %s\n%s", argv[i], usage);
    if (i + 1 == argc) fail("%s needs a value\n%s", argv[i], usage);
    if (spec->text != NULL) {
      *spec->text = argv[i + 1];
      continue;
    }
    char *end;
    *spec->number = strtod(argv[i + 1], &end);
    if (end == argv[i + 1] || *end != '\0' || *spec->number < 0) {
      fail("%s %s is no number\n%s", argv[i], argv[i + 1], usage);
    }
  }
}
