// Echo server: answers every request with its first string argument.
//
//   serve --protocol dubbo|thrift [--port 0] [--host 127.0.0.1] [--threads 1] [--latency-us 0]
//         [--seconds 600]
//
// Prints {"port":PORT} when it listens. Ends after the given time, with its standard input when that is a
// pipe, or on a signal.
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "delay.h"
#include "lifetime.h"
#include "net.h"
#include "options.h"
#include "protocol.h"

#define MAX_EVENTS 256
#define READ_LIMIT (1u << 20)
// A client that does not read is not read from either.
#define OUTPUT_LIMIT (4u << 20)
#define MAX_THREADS 64

static const char usage[] =
    "usage: serve --protocol dubbo|thrift [--port PORT] [--host IP] [--threads N] [--latency-us US] [--seconds S]";

struct worker {
  const struct protocol *protocol;
  uint64_t latency_ns;
  int listener;
  int epoll;
  int timer;
  struct delay_line delays;
};

struct client {
  int socket; // -1 once it is closed.
  uint32_t events;
  size_t held; // Answers in the delay line.
  size_t sendable; // Bytes at the front of `out` that may leave.
  struct buffer in;
  struct buffer out;
};

static void release(struct client *client) {
  if (client->socket >= 0 || client->held > 0) return;
  buffer_free(&client->in);
  buffer_free(&client->out);
  free(client);
}

static void disconnect(struct client *client) {
  close(client->socket);
  client->socket = -1;
}

static void update_events(struct worker *worker, struct client *client) {
  uint32_t events = 0;
  if (buffer_size(&client->out) < OUTPUT_LIMIT) events |= EPOLLIN;
  if (client->sendable > 0) events |= EPOLLOUT;
  if (events == client->events) return;
  client->events = events;
  struct epoll_event event = {.events = events, .data.ptr = client};
  epoll_ctl(worker->epoll, EPOLL_CTL_MOD, client->socket, &event);
}

// False when the client sent something that is no request.
static bool answer_frames(struct worker *worker, struct client *client, uint64_t now) {
  while (buffer_size(&client->out) < OUTPUT_LIMIT) {
    const uint8_t *front = buffer_front(&client->in);
    size_t available = buffer_size(&client->in);
    size_t size = worker->protocol->frame_length(front, available);
    if (size == FRAME_INVALID) return false;
    if (size == 0 || size > available) return true;
    size_t before = buffer_size(&client->out);
    if (!worker->protocol->answer(front, size, &client->out)) return false;
    size_t added = buffer_size(&client->out) - before;
    buffer_consume(&client->in, size);
    if (worker->latency_ns == 0) {
      client->sendable += added;
    } else if (added > 0) {
      delay_push(&worker->delays, (struct held_answer){now + worker->latency_ns, client, added});
      client->held++;
    }
  }
  return true;
}

// Sends what may leave; false when the connection has ended.
static bool flush(struct client *client) {
  size_t before = buffer_size(&client->out);
  bool is_alive = write_available(client->socket, &client->out, client->sendable);
  client->sendable -= before - buffer_size(&client->out);
  return is_alive;
}

static bool has_work(const struct worker *worker, const struct client *client) {
  size_t available = buffer_size(&client->in);
  size_t size = worker->protocol->frame_length(buffer_front(&client->in), available);
  return size != 0 && size <= available && buffer_size(&client->out) < OUTPUT_LIMIT;
}

static void serve_client(struct worker *worker, struct client *client, uint32_t events, uint64_t now) {
  bool is_alive = true;
  if ((events & EPOLLOUT) != 0) is_alive = flush(client);
  if (is_alive && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) {
    is_alive = read_available(client->socket, &client->in, READ_LIMIT);
  }
  bool is_valid;
  do {
    is_valid = answer_frames(worker, client, now) && flush(client);
    // Sending may have made room for the answers to requests that have long been here.
  } while (is_valid && has_work(worker, client));
  if (is_alive && is_valid) {
    update_events(worker, client);
    return;
  }
  disconnect(client);
  release(client);
}

static void accept_clients(struct worker *worker) {
  for (;;) {
    int fd = accept4(worker->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    set_no_delay(fd);
    struct client *client = calloc(1, sizeof *client);
    if (client == NULL) fail("out of memory");
    client->socket = fd;
    client->events = EPOLLIN;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
    epoll_ctl(worker->epoll, EPOLL_CTL_ADD, fd, &event);
  }
}

static void send_due(struct worker *worker, uint64_t now) {
  struct held_answer answer;
  while (delay_pop_due(&worker->delays, now, &answer)) {
    struct client *client = answer.owner;
    client->held--;
    if (client->socket < 0) {
      release(client);
      continue;
    }
    client->sendable += answer.size;
    // Answers of one client that are due together leave together.
    if (delay_next_due(&worker->delays) > now || worker->delays.count == 0 ||
        worker->delays.ring[worker->delays.head].owner != client) {
      serve_client(worker, client, EPOLLOUT, now);
    }
  }
  uint64_t due = delay_next_due(&worker->delays);
  struct itimerspec when = {.it_value = {(time_t)(due / 1000000000u), (long)(due % 1000000000u)}};
  timerfd_settime(worker->timer, TFD_TIMER_ABSTIME, &when, NULL);
}

static void *serve(void *argument) {
  struct worker *worker = argument;
  struct epoll_event events[MAX_EVENTS];
  for (;;) {
    int count = epoll_wait(worker->epoll, events, MAX_EVENTS, -1);
    if (count < 0 && errno != EINTR) fail("epoll_wait: %s", strerror(errno));
    uint64_t now = now_ns();
    bool has_new_delays = false;
    for (int i = 0; i < count; i++) {
      void *source = events[i].data.ptr;
      if (source == &worker->listener) {
        accept_clients(worker);
      } else if (source == &worker->timer) {
        has_new_delays = true;
      } else {
        has_new_delays |= worker->latency_ns > 0 && worker->delays.count == 0;
        serve_client(worker, source, events[i].events, now);
      }
    }
    if (has_new_delays) send_due(worker, now_ns());
  }
  return NULL;
}

static void start(struct worker *worker) {
  worker->epoll = epoll_create1(EPOLL_CLOEXEC);
  worker->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  struct epoll_event accepting = {.events = EPOLLIN, .data.ptr = &worker->listener};
  struct epoll_event timing = {.events = EPOLLIN, .data.ptr = &worker->timer};
  epoll_ctl(worker->epoll, EPOLL_CTL_ADD, worker->listener, &accepting);
  epoll_ctl(worker->epoll, EPOLL_CTL_ADD, worker->timer, &timing);
  pthread_t thread;
  if (pthread_create(&thread, NULL, serve, worker) != 0) fail("no thread");
}

int main(int argc, char **argv) {
  const char *protocol = NULL, *host = "127.0.0.1";
  double port = 0, threads = 1, latency_us = 0, seconds = 600;
  const struct option_spec specs[] = {
      {.name = "protocol", .text = &protocol},      {.name = "host", .text = &host},
      {.name = "port", .number = &port},            {.name = "threads", .number = &threads},
      {.name = "latency-us", .number = &latency_us}, {.name = "seconds", .number = &seconds},
  };
  read_options(argc, argv, specs, sizeof specs / sizeof *specs, usage);
  if (protocol == NULL) fail("--protocol is needed\n%s", usage);
  if (threads < 1 || threads > MAX_THREADS) fail("--threads is 1 to %d", MAX_THREADS);
  static struct worker workers[MAX_THREADS];
  signal(SIGPIPE, SIG_IGN);
  raise_file_limit();
  int bound = (int)port;
  for (int i = 0; i < (int)threads; i++) {
    workers[i].protocol = find_protocol(protocol);
    workers[i].latency_ns = (uint64_t)(latency_us * 1e3);
    workers[i].listener = tcp_listen(host, bound);
    bound = local_port(workers[i].listener);
    start(&workers[i]);
  }
  printf("{\"port\":%d}\n", bound);
  fflush(stdout);
  wait_for_end(seconds);
  return 0;
}
