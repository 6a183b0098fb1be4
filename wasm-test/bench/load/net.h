// Non-blocking TCP.
#ifndef NET_H
#define NET_H

#include <stdbool.h>
#include <stdint.h>

#include "buffer.h"

// Nanoseconds of a clock that never goes back.
uint64_t now_ns(void);

// Begins to connect to an IPv4 address in numbers. Ends the process when that is not possible.
int tcp_connect(const char *host, int port);

// Listens on an IPv4 address, shared with other sockets of the process (SO_REUSEPORT). Port 0 takes a
// free one. Returns the socket.
int tcp_listen(const char *host, int port);

int local_port(int socket);

void set_no_delay(int socket);

// False when the connection has ended. Reads until there is nothing more, or until `limit` bytes.
bool read_available(int socket, struct buffer *in, size_t limit);

// False when the connection has ended. Writes up to `size` bytes of the front of `out`.
bool write_available(int socket, struct buffer *out, size_t size);

// Opens as many files as the system allows.
void raise_file_limit(void);

#endif
