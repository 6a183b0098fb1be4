// How long a process stays that waits for nothing but its end.
#ifndef LIFETIME_H
#define LIFETIME_H

// Returns after the given time, or at the end of the standard input when that is a pipe.
void wait_for_end(double seconds);

#endif
