#include "net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "options.h"

#define READ_SIZE (64 * 1024)

uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static struct sockaddr_in address_of(const char *host, int port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  if (inet_pton(AF_INET, host, &address.sin_addr) != 1) fail("%s is no IPv4 address in numbers", host);
  return address;
}

void set_no_delay(int socket_fd) {
  int yes = 1;
  setsockopt(socket_fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
}

int tcp_connect(const char *host, int port) {
  struct sockaddr_in address = address_of(host, port);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) fail("socket: %s", strerror(errno));
  set_no_delay(fd);
  if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0 && errno != EINPROGRESS) {
    fail("connect to %s:%d: %s", host, port, strerror(errno));
  }
  return fd;
}

int tcp_listen(const char *host, int port) {
  struct sockaddr_in address = address_of(host, port);
  int yes = 1;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) fail("socket: %s", strerror(errno));
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &yes, sizeof yes);
  if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, 4096) != 0) {
    fail("listen on %s:%d: %s", host, port, strerror(errno));
  }
  return fd;
}

int local_port(int fd) {
  struct sockaddr_in address;
  socklen_t size = sizeof address;
  if (getsockname(fd, (struct sockaddr *)&address, &size) != 0) fail("getsockname: %s", strerror(errno));
  return ntohs(address.sin_port);
}

bool read_available(int fd, struct buffer *in, size_t limit) {
  for (size_t total = 0; total < limit;) {
    uint8_t *room = buffer_reserve(in, READ_SIZE);
    size_t size = in->capacity - in->end;
    ssize_t got = recv(fd, room, size, 0);
    if (got == 0) return false;
    if (got < 0) return errno == EAGAIN || errno == EINTR;
    buffer_commit(in, (size_t)got);
    total += (size_t)got;
    // Less than asked for: the socket is empty, and asking again would only cost a call.
    if ((size_t)got < size) return true;
  }
  return true;
}

bool write_available(int fd, struct buffer *out, size_t size) {
  while (size > 0) {
    ssize_t sent = send(fd, buffer_front(out), size, MSG_NOSIGNAL);
    if (sent < 0) return errno == EAGAIN || errno == EINTR;
    buffer_consume(out, (size_t)sent);
    size -= (size_t)sent;
  }
  return true;
}

void raise_file_limit(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}
