// An echo server that does what servers should not do, as often as it is told to.
//
//   misbehave --protocol dubbo|thrift [--port 0] [--host 127.0.0.1] [--listeners 1] [--seed 1]
//
// Prints {"ports":[...]} when it listens on all of them. Commands, one a line of its standard input, at whose
// end it ends:
//
//   do NAME=CHANCE ...   from now on, in so many of 1000 requests; what is not named is not done any more:
//        late     answers up to LATE_MS later, and so in another order than that of the requests
//        never    does not answer
//        garbage  answers with bytes that mean nothing
//        half     sends half of the answer, and hangs up
//        hangup   hangs up instead of an answer
//        reset    likewise, by a reset
//        twice    answers twice
//        unknown  answers under an id that it was not asked under
//   gather N             withholds answers until there are N of them, then prints {"gathered":N}
//   release              sends what was gathered, in one piece on each connection, and prints
//                        {"released":N} when the last byte has left
//   count                prints {"open":CONNECTIONS,"accepted":SO_FAR,"requests":SO_FAR}
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bytes.h"
#include "later.h"
#include "net.h"
#include "options.h"
#include "protocol.h"

#define MAX_EVENTS 256
#define MAX_LISTENERS 1024
#define READ_LIMIT (1u << 20)
// A client that does not read is not read from either.
#define OUTPUT_LIMIT (8u << 20)
#define TICK_MS 2
#define LATE_MS 200
#define GARBAGE_SIZE 97

enum deed { LATE, NEVER, GARBAGE, HALF, HANGUP, RESET, TWICE, UNKNOWN, DEED_COUNT };

static const char *const deed_names[DEED_COUNT] = {"late",   "never", "garbage", "half",
                                                   "hangup", "reset", "twice",   "unknown"};

static const char usage[] =
    "usage: misbehave --protocol dubbo|thrift [--port PORT] [--host IP] [--listeners N] [--seed N]";

struct peer {
  int socket; // -1 once it is closed.
  uint32_t events;
  size_t held; // Answers that are due later.
  bool is_ending; // It is closed when `out` has left.
  struct buffer in;
  struct buffer out;
  struct buffer gathered;
  struct peer *next; // Of all that may have gathered something.
};

struct server {
  const struct protocol *protocol;
  int epoll;
  int listeners[MAX_LISTENERS];
  int listener_count;
  uint64_t random;
  unsigned chances[DEED_COUNT]; // Of 1000.
  unsigned wanted;              // Answers to be gathered; 0: none.
  unsigned gathered;
  unsigned releasing; // Answers that were released and may not have left yet.
  unsigned open;
  uint64_t accepted, requests;
  struct later later;
  struct peer *peers;
  struct buffer commands;
};

static unsigned pick(struct server *server, unsigned bound) {
  server->random ^= server->random << 13;
  server->random ^= server->random >> 7;
  server->random ^= server->random << 17;
  return (unsigned)((server->random >> 32) * bound >> 32);
}

static void release_peer(struct server *server, struct peer *peer) {
  if (peer->socket >= 0 || peer->held > 0) return;
  struct peer **link = &server->peers;
  while (*link != peer) link = &(*link)->next;
  *link = peer->next;
  buffer_free(&peer->in);
  buffer_free(&peer->out);
  buffer_free(&peer->gathered);
  free(peer);
}

static void disconnect(struct server *server, struct peer *peer) {
  close(peer->socket);
  peer->socket = -1;
  server->open--;
  release_peer(server, peer);
}

static void give_unknown_id(struct server *server, uint8_t *frame) {
  // The highest bits of an id are the last to be used up by whoever counts.
  size_t at = server->protocol->id_bits == 64 ? 4 : 12 + (size_t)load_u32(frame + 8);
  frame[at] ^= 0x20 + (uint8_t)pick(server, 0x20);
}

static void append_garbage(struct server *server, struct buffer *out) {
  uint8_t bytes[GARBAGE_SIZE];
  for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)pick(server, 256);
  buffer_append(out, bytes, sizeof bytes);
}

static void answer_later(struct server *server, struct peer *peer, const struct buffer *answer, uint64_t now) {
  struct later_item item = {.due_ns = now + (1 + pick(server, LATE_MS)) * 1000000ull, .owner = peer};
  item.size = buffer_size(answer);
  item.bytes = malloc(item.size);
  if (item.bytes == NULL) fail("out of memory");
  memcpy(item.bytes, buffer_front(answer), item.size);
  later_push(&server->later, item);
  peer->held++;
}

static enum deed choose(struct server *server) {
  unsigned at = pick(server, 1000);
  for (int deed = 0; deed < DEED_COUNT; deed++) {
    if (at < server->chances[deed]) return (enum deed)deed;
    at -= server->chances[deed];
  }
  return DEED_COUNT;
}

// False when the connection is to be closed at once.
static bool misbehave(struct server *server, struct peer *peer, struct buffer *answer, uint64_t now) {
  struct linger abort = {.l_onoff = 1, .l_linger = 0};
  size_t size = buffer_size(answer);
  switch (choose(server)) {
    case LATE:
      answer_later(server, peer, answer, now);
      return true;
    case NEVER:
      return true;
    case GARBAGE:
      append_garbage(server, &peer->out);
      return true;
    case HALF:
      buffer_append(&peer->out, buffer_front(answer), 1 + pick(server, (unsigned)size - 1));
      peer->is_ending = true;
      return true;
    case RESET:
      setsockopt(peer->socket, SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
      return false;
    case HANGUP:
      return false;
    case TWICE:
      buffer_append(&peer->out, buffer_front(answer), size);
      break;
    case UNKNOWN:
      give_unknown_id(server, buffer_front(answer));
      break;
    case DEED_COUNT:
      break;
  }
  buffer_append(&peer->out, buffer_front(answer), size);
  return true;
}

static void gather(struct server *server, struct peer *peer, const struct buffer *answer) {
  buffer_append(&peer->gathered, buffer_front(answer), buffer_size(answer));
  if (++server->gathered != server->wanted) return;
  printf("{\"gathered\":%u}\n", server->gathered);
  fflush(stdout);
}

// False when the connection is to be closed at once.
static bool answer_frames(struct server *server, struct peer *peer, uint64_t now) {
  static struct buffer answer;
  while (!peer->is_ending && buffer_size(&peer->out) < OUTPUT_LIMIT) {
    const uint8_t *front = buffer_front(&peer->in);
    size_t available = buffer_size(&peer->in);
    size_t size = server->protocol->frame_length(front, available);
    if (size == FRAME_INVALID) return false;
    if (size == 0 || size > available) return true;
    buffer_consume(&answer, buffer_size(&answer));
    if (!server->protocol->answer(front, size, &answer)) return false;
    buffer_consume(&peer->in, size);
    server->requests++;
    if (buffer_size(&answer) == 0) continue;
    if (server->gathered < server->wanted) {
      gather(server, peer, &answer);
    } else if (!misbehave(server, peer, &answer, now)) {
      return false;
    }
  }
  return true;
}

static void update_events(struct server *server, struct peer *peer) {
  uint32_t events = 0;
  if (buffer_size(&peer->out) < OUTPUT_LIMIT && !peer->is_ending) events |= EPOLLIN;
  if (buffer_size(&peer->out) > 0) events |= EPOLLOUT;
  if (events == peer->events) return;
  peer->events = events;
  struct epoll_event event = {.events = events, .data.ptr = peer};
  epoll_ctl(server->epoll, EPOLL_CTL_MOD, peer->socket, &event);
}

static void serve_peer(struct server *server, struct peer *peer, uint32_t events, uint64_t now) {
  if (peer->socket < 0) return;
  bool is_alive = true;
  if ((events & EPOLLIN) != 0) is_alive = read_available(peer->socket, &peer->in, READ_LIMIT);
  if ((events & (EPOLLHUP | EPOLLERR)) != 0) is_alive = false;
  is_alive = is_alive && answer_frames(server, peer, now);
  is_alive = is_alive && write_available(peer->socket, &peer->out, buffer_size(&peer->out));
  if (peer->is_ending && buffer_size(&peer->out) == 0) is_alive = false;
  if (!is_alive) {
    disconnect(server, peer);
    return;
  }
  update_events(server, peer);
}

static void accept_peers(struct server *server, int listener) {
  for (;;) {
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    set_no_delay(fd);
    struct peer *peer = calloc(1, sizeof *peer);
    if (peer == NULL) fail("out of memory");
    *peer = (struct peer){.socket = fd, .events = EPOLLIN, .next = server->peers};
    server->peers = peer;
    server->open++;
    server->accepted++;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = peer};
    epoll_ctl(server->epoll, EPOLL_CTL_ADD, fd, &event);
  }
}

static void send_due(struct server *server, uint64_t now) {
  struct later_item item;
  while (later_pop_due(&server->later, now, &item)) {
    struct peer *peer = item.owner;
    peer->held--;
    if (peer->socket < 0) {
      release_peer(server, peer);
    } else if (!peer->is_ending) {
      buffer_append(&peer->out, item.bytes, item.size);
      serve_peer(server, peer, EPOLLOUT, now);
    }
    free(item.bytes);
  }
}

static void release_gathered(struct server *server) {
  server->releasing = server->gathered;
  server->wanted = server->gathered = 0;
  for (struct peer *peer = server->peers; peer != NULL; peer = peer->next) {
    buffer_append(&peer->out, buffer_front(&peer->gathered), buffer_size(&peer->gathered));
    buffer_free(&peer->gathered);
    if (peer->socket >= 0) write_available(peer->socket, &peer->out, buffer_size(&peer->out));
    if (peer->socket >= 0) update_events(server, peer);
  }
}

// Tells the end of a release once nothing is left to be sent.
static void finish_release(struct server *server) {
  if (server->releasing == 0) return;
  for (const struct peer *peer = server->peers; peer != NULL; peer = peer->next) {
    if (peer->socket >= 0 && buffer_size(&peer->out) > 0) return;
  }
  printf("{\"released\":%u}\n", server->releasing);
  fflush(stdout);
  server->releasing = 0;
}

static void set_chances(struct server *server, char *arguments) {
  memset(server->chances, 0, sizeof server->chances);
  for (char *word = strtok(arguments, " "); word != NULL; word = strtok(NULL, " ")) {
    char *value = strchr(word, '=');
    int deed = 0;
    if (value != NULL) *value++ = '\0';
    while (deed < DEED_COUNT && strcmp(word, deed_names[deed]) != 0) deed++;
    if (deed == DEED_COUNT || value == NULL) fail("what is %s?", word);
    server->chances[deed] = (unsigned)strtoul(value, NULL, 10);
  }
}

static void obey(struct server *server, char *line) {
  if (strncmp(line, "do", 2) == 0) {
    set_chances(server, line + 2);
  } else if (strncmp(line, "gather ", 7) == 0) {
    server->wanted = (unsigned)strtoul(line + 7, NULL, 10);
  } else if (strcmp(line, "release") == 0) {
    release_gathered(server);
  } else if (strcmp(line, "count") == 0) {
    printf("{\"open\":%u,\"accepted\":%llu,\"requests\":%llu}\n", server->open,
           (unsigned long long)server->accepted, (unsigned long long)server->requests);
    fflush(stdout);
  } else {
    fail("what is %s?", line);
  }
}

// False at the end of the standard input.
static bool read_commands(struct server *server) {
  struct buffer *in = &server->commands;
  uint8_t *room = buffer_reserve(in, 4096);
  ssize_t size = read(STDIN_FILENO, room, 4096);
  if (size < 0) return errno == EAGAIN || errno == EINTR;
  if (size == 0) return false;
  buffer_commit(in, (size_t)size);
  for (;;) {
    uint8_t *end = memchr(buffer_front(in), '\n', buffer_size(in));
    if (end == NULL) return true;
    *end = '\0';
    char *line = (char *)buffer_front(in);
    obey(server, line);
    buffer_consume(in, (size_t)(end - (uint8_t *)line) + 1);
  }
}

static int *listener_of(struct server *server, void *source) {
  int *listener = source;
  bool is_one = listener >= server->listeners && listener < server->listeners + MAX_LISTENERS;
  return is_one ? listener : NULL;
}

static void serve(struct server *server) {
  struct epoll_event events[MAX_EVENTS];
  for (;;) {
    bool is_waiting = server->later.count > 0 || server->releasing > 0;
    int count = epoll_wait(server->epoll, events, MAX_EVENTS, is_waiting ? TICK_MS : -1);
    if (count < 0 && errno != EINTR) fail("epoll_wait: %s", strerror(errno));
    uint64_t now = now_ns();
    for (int i = 0; i < count; i++) {
      void *source = events[i].data.ptr;
      int *listener = listener_of(server, source);
      if (source == NULL) {
        if (!read_commands(server)) return;
      } else if (listener != NULL) {
        accept_peers(server, *listener);
      } else {
        serve_peer(server, source, events[i].events, now);
      }
    }
    send_due(server, now);
    finish_release(server);
  }
}

static void listen_on_all(struct server *server, const char *host, int port) {
  printf("{\"ports\":[");
  for (int i = 0; i < server->listener_count; i++) {
    server->listeners[i] = tcp_listen(host, port == 0 ? 0 : port + i);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &server->listeners[i]};
    epoll_ctl(server->epoll, EPOLL_CTL_ADD, server->listeners[i], &event);
    printf("%s%d", i == 0 ? "" : ",", local_port(server->listeners[i]));
  }
  printf("]}\n");
  fflush(stdout);
}

int main(int argc, char **argv) {
  const char *protocol = NULL, *host = "127.0.0.1";
  double port = 0, listeners = 1, seed = 1;
  const struct option_spec specs[] = {
      {.name = "protocol", .text = &protocol}, {.name = "host", .text = &host},
      {.name = "port", .number = &port},       {.name = "listeners", .number = &listeners},
      {.name = "seed", .number = &seed},
  };
  read_options(argc, argv, specs, sizeof specs / sizeof *specs, usage);
  if (protocol == NULL) fail("--protocol is needed\n%s", usage);
  if (listeners < 1 || listeners > MAX_LISTENERS) fail("--listeners is 1 to %d", MAX_LISTENERS);
  static struct server server;
  signal(SIGPIPE, SIG_IGN);
  raise_file_limit();
  server.protocol = find_protocol(protocol);
  server.listener_count = (int)listeners;
  server.random = 0x9e3779b97f4a7c15ull ^ ((uint64_t)seed << 20);
  server.epoll = epoll_create1(EPOLL_CLOEXEC);
  fcntl(STDIN_FILENO, F_SETFL, fcntl(STDIN_FILENO, F_GETFL) | O_NONBLOCK);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
  if (epoll_ctl(server.epoll, EPOLL_CTL_ADD, STDIN_FILENO, &event) != 0) fail("standard input must be a pipe");
  listen_on_all(&server, host, (int)port);
  serve(&server);
  return 0;
}
