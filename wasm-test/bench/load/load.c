// Load generator: so many requests in flight on so many connections, every answer checked.
//
//   load --protocol dubbo|thrift --port PORT [--host 127.0.0.1] [--connections 1] [--inflight 1]
//        [--payload 100] [--seconds 5] [--warmup 1] [--drain 5] [--rate R]
//        [--match order|id] [--method echo|big] [--service demo.Greeter] [--watch PID]
//
// The warm-up begins when every connection is open. With --watch, the CPU time that a process used during
// the measurement, and its resident memory at the end of it, are told too.
//
// Closed loop: each connection keeps its number of requests in flight. With --rate (requests per second,
// over all connections) it is an open loop: requests are due at fixed times, and each latency counts from
// the time the request was due, so a stall is not hidden by the requests that it held back.
//
// With --idle N each connection sends N requests, and then nothing: {"idle":CONNECTIONS} is printed once all
// are answered, and the connections stay open until the end of --seconds, or of a piped standard input.
//
// After the time of measurement it waits at most --drain seconds for the answers that are missing.
// Prints one line of JSON. Ends with 1 when something was lost, failed or mismatched.
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "lifetime.h"
#include "load_connection.h"
#include "net.h"
#include "options.h"
#include "process_usage.h"

#define NS_PER_SECOND 1000000000ull
#define NS_PER_MS 1000000ull
#define MAX_EVENTS 256
#define TICK_MS 10
// SYNs beyond the listener's backlog would be dropped, and sent again a second later.
#define MAX_DIALLING 256
// What is not open by then is not waited for.
#define LONGEST_DIAL_NS (20 * NS_PER_SECOND)

static const char usage[] =
    "usage: load --protocol dubbo|thrift --port PORT [--host IP] [--connections N] [--inflight N] "
    "[--payload BYTES] [--seconds S] [--warmup S] [--drain S] [--rate PER_SECOND] [--match order|id] [--method NAME] "
    "[--service NAME] [--watch PID] [--idle REQUESTS]";

struct settings {
  const char *protocol, *host, *method, *service, *match;
  double port, connections, in_flight, payload, seconds, warmup, drain, rate, watch, idle;
};

enum phase { PHASE_DIALLING, PHASE_WARMING_UP, PHASE_MEASURING, PHASE_DRAINING };

struct run {
  struct load load;
  struct connection *connections;
  unsigned connection_count;
  double interval_ns; // Between two requests of the open loop; 0 for the closed loop.
  enum phase phase;
  uint64_t phase_end_ns; // When the phase ends at the latest.
  uint64_t warmup_ns, measure_ns, drain_ns; // Lengths of the phases.
  uint64_t start_ns; // When every connection was open: from then on requests of the open loop are due.
  unsigned dialled_count; // Connections that were dialled at least once: the first ones.
  unsigned dialling_count;
  unsigned opened_count;
  bool is_idle;
  unsigned idle_requests; // Of each connection.
  pid_t watched;
  struct process_usage watched_before, watched_after;
  struct process_usage own_before, own_after;
  uint64_t due_count; // Requests of the open loop that were sent.
  unsigned next_connection;
  int timer;
};

static struct settings parse(int argc, char **argv) {
  struct settings settings = {
      .host = "127.0.0.1",
      .service = "demo.Greeter",
      .match = "",
      .connections = 1,
      .in_flight = 1,
      .payload = 100,
      .seconds = 5,
      .warmup = 1,
      .drain = 5,
      .idle = -1,
  };
  const struct option_spec specs[] = {
      {.name = "protocol", .text = &settings.protocol}, {.name = "host", .text = &settings.host},
      {.name = "method", .text = &settings.method},     {.name = "service", .text = &settings.service},
      {.name = "match", .text = &settings.match},       {.name = "port", .number = &settings.port},
      {.name = "connections", .number = &settings.connections},
      {.name = "inflight", .number = &settings.in_flight},
      {.name = "payload", .number = &settings.payload}, {.name = "seconds", .number = &settings.seconds},
      {.name = "warmup", .number = &settings.warmup},   {.name = "rate", .number = &settings.rate},
      {.name = "drain", .number = &settings.drain},     {.name = "watch", .number = &settings.watch},
      {.name = "idle", .number = &settings.idle},
  };
  read_options(argc, argv, specs, sizeof specs / sizeof *specs, usage);
  if (settings.protocol == NULL || settings.port < 1) fail("--protocol and --port are needed\n%s", usage);
  if (settings.connections < 1 || settings.in_flight < 1 || settings.in_flight > 65536) {
    fail("--connections is at least 1, --inflight 1 to 65536");
  }
  if (settings.payload < NONCE_SIZE) fail("--payload is at least %d", NONCE_SIZE);
  if (settings.method == NULL) settings.method = strcmp(settings.protocol, "thrift") == 0 ? "big" : "echo";
  return settings;
}

static void make_request(struct load *load, const struct settings *settings) {
  size_t size = (size_t)settings->payload;
  uint8_t *payload = malloc(size);
  if (payload == NULL) fail("out of memory");
  for (size_t i = 0; i < size; i++) payload[i] = (uint8_t)('a' + (i * 7 + i / 251) % 26);
  load->protocol->make_template(&load->request, settings->service, settings->method, payload, size);
  free(payload);
}

static void prepare(struct run *run, const struct settings *settings) {
  struct load *load = &run->load;
  load->protocol = find_protocol(settings->protocol);
  load->host = settings->host;
  load->port = (int)settings->port;
  load->method = settings->method;
  load->in_flight = (unsigned)settings->in_flight;
  while (1u << load->slot_bits < load->in_flight) load->slot_bits++;
  load->is_ordered = load->protocol->is_ordered && strcmp(settings->match, "id") != 0;
  load->is_open_loop = settings->rate > 0;
  load->measure_from_ns = load->measure_to_ns = UINT64_MAX;
  load->epoll = epoll_create1(EPOLL_CLOEXEC);
  make_request(load, settings);
  run->connection_count = (unsigned)settings->connections;
  run->is_idle = settings->idle >= 0;
  run->idle_requests = run->is_idle ? (unsigned)settings->idle : 0;
  run->watched = (pid_t)settings->watch;
  run->warmup_ns = (uint64_t)(settings->warmup * (double)NS_PER_SECOND);
  run->measure_ns = (uint64_t)(settings->seconds * (double)NS_PER_SECOND);
  run->drain_ns = (uint64_t)(settings->drain * (double)NS_PER_SECOND);
  run->interval_ns = settings->rate > 0 ? (double)NS_PER_SECOND / settings->rate : 0;
  run->connections = calloc(run->connection_count, sizeof *run->connections);
  if (run->connections == NULL) fail("out of memory");
  for (unsigned i = 0; i < run->connection_count; i++) connection_init(load, &run->connections[i], i);
  run->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
  epoll_ctl(load->epoll, EPOLL_CTL_ADD, run->timer, &event);
}

// Fills a connection of the closed loop up to its bound.
static void fill(struct run *run, struct connection *connection, uint64_t now) {
  if (run->interval_ns == 0 && run->phase < PHASE_DRAINING) {
    while (connection->outstanding < run->load.in_flight) {
      if (run->is_idle && connection->sent == run->idle_requests) break;
      connection_send(&run->load, connection, now);
    }
  }
  connection_flush(&run->load, connection);
}

static void dial(struct run *run, struct connection *connection) {
  connection_dial(&run->load, connection);
  run->dialling_count++;
}

static void dial_next(struct run *run) {
  while (run->dialling_count < MAX_DIALLING && run->dialled_count < run->connection_count) {
    dial(run, &run->connections[run->dialled_count++]);
  }
}

static void finish_dial(struct run *run, struct connection *connection) {
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(connection->socket, SOL_SOCKET, SO_ERROR, &error, &size);
  run->dialling_count--;
  if (error != 0) {
    // Nobody there from the start is a mistake; nobody there any more is for the test to judge.
    if (run->load.answers == 0) {
      fail("connect to %s:%d: %s", run->load.host, run->load.port, strerror(error));
    }
    close(connection->socket);
    connection->socket = -1;
    return;
  }
  connection->is_open = true;
  run->opened_count++;
}

static void handle(struct run *run, struct connection *connection, uint32_t events) {
  if (connection->socket < 0) return;
  // Not once per batch: what comes late in a large one would look faster than it was.
  uint64_t now = now_ns();
  if (!connection->is_open) {
    finish_dial(run, connection);
    if (!connection->is_open) return;
  }
  if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) connection_receive(&run->load, connection, now);
  if (connection->socket >= 0) fill(run, connection, now);
}

static uint64_t next_due(const struct run *run) {
  return run->start_ns + (uint64_t)((double)run->due_count * run->interval_ns);
}

// Sends the requests of the open loop that are due, in turn over connections that have room. What was due
// within the time of measurement is sent after it too, or the longest waits would be left out.
static void send_due(struct run *run, uint64_t now) {
  for (unsigned full = 0; full < run->connection_count;) {
    uint64_t due = next_due(run);
    if (due > now || due >= run->load.measure_to_ns) break;
    struct connection *connection = &run->connections[run->next_connection];
    run->next_connection = (run->next_connection + 1) % run->connection_count;
    if (!connection->is_open || connection->outstanding == run->load.in_flight) {
      full++;
      continue;
    }
    full = 0;
    connection_send(&run->load, connection, due);
    run->due_count++;
  }
  for (unsigned i = 0; i < run->connection_count; i++) {
    struct connection *connection = &run->connections[i];
    if (connection->is_open && buffer_size(&connection->out) > 0 && !connection->is_waiting_to_write) {
      connection_flush(&run->load, connection);
    }
  }
  uint64_t next = next_due(run);
  if (next <= now) return;
  struct itimerspec when = {.it_value = {.tv_sec = (time_t)(next / NS_PER_SECOND), .tv_nsec = (long)(next % NS_PER_SECOND)}};
  timerfd_settime(run->timer, TFD_TIMER_ABSTIME, &when, NULL);
}

static uint64_t count_outstanding(const struct run *run) {
  uint64_t count = 0;
  for (unsigned i = 0; i < run->connection_count; i++) count += run->connections[i].outstanding;
  return count;
}

// Requests of the open loop that were due within the measurement and have not been sent.
static uint64_t count_overdue(const struct run *run) {
  if (!run->load.is_open_loop || run->phase < PHASE_DRAINING) return 0;
  uint64_t due = next_due(run);
  return due >= run->load.measure_to_ns ? 0 : (uint64_t)((double)(run->load.measure_to_ns - due) / run->interval_ns) + 1;
}

// Dials again what has ended.
static void redial(struct run *run) {
  for (unsigned i = 0; i < run->dialled_count; i++) {
    if (run->connections[i].socket < 0) dial(run, &run->connections[i]);
  }
}

static void drain_timer(struct run *run) {
  uint64_t expirations;
  if (read(run->timer, &expirations, sizeof expirations) < 0 && errno != EAGAIN) fail("timer failed");
}

static void enter(struct run *run, enum phase phase, uint64_t now, uint64_t length_ns) {
  run->phase = phase;
  run->phase_end_ns = now + length_ns;
}

// Moves on to the next phase when it is time. What was used is read at the very instants between which
// answers are counted.
static void advance(struct run *run, uint64_t now) {
  if (run->phase == PHASE_DIALLING && (run->opened_count >= run->connection_count || now >= run->phase_end_ns)) {
    run->start_ns = now;
    enter(run, PHASE_WARMING_UP, now, run->warmup_ns);
  }
  if (run->phase == PHASE_WARMING_UP && now >= run->phase_end_ns) {
    run->own_before = process_usage(getpid());
    run->watched_before = process_usage(run->watched);
    run->load.measure_from_ns = now_ns();
    enter(run, PHASE_MEASURING, run->load.measure_from_ns, run->measure_ns);
  }
  if (run->phase == PHASE_MEASURING && now >= run->phase_end_ns) {
    run->watched_after = process_usage(run->watched);
    run->own_after = process_usage(getpid());
    run->load.measure_to_ns = now_ns();
    enter(run, PHASE_DRAINING, run->load.measure_to_ns, run->drain_ns);
  }
}

// One turn of the event loop; returns the time of its beginning.
static uint64_t turn(struct run *run) {
  struct epoll_event events[MAX_EVENTS];
  int count = epoll_wait(run->load.epoll, events, MAX_EVENTS, TICK_MS);
  uint64_t now = now_ns();
  for (int i = 0; i < count; i++) {
    if (events[i].data.ptr == NULL) {
      drain_timer(run);
    } else {
      handle(run, events[i].data.ptr, events[i].events);
    }
  }
  dial_next(run);
  return now;
}

static void drive(struct run *run) {
  enter(run, PHASE_DIALLING, now_ns(), LONGEST_DIAL_NS);
  uint64_t next_tick = 0;
  dial_next(run);
  for (;;) {
    uint64_t now = turn(run);
    advance(run, now);
    if (run->interval_ns > 0 && run->phase != PHASE_DIALLING) send_due(run, now);
    if (now < next_tick) continue;
    next_tick = now + TICK_MS * NS_PER_MS;
    if (run->phase < PHASE_DRAINING) {
      redial(run);
    } else if ((count_outstanding(run) == 0 && count_overdue(run) == 0) || now > run->phase_end_ns) {
      return;
    }
  }
}

// Opens all connections and keeps them. Returns the exit status.
static int stay_idle(struct run *run) {
  uint64_t answers = (uint64_t)run->connection_count * run->idle_requests;
  enter(run, PHASE_DIALLING, now_ns(), LONGEST_DIAL_NS);
  dial_next(run);
  while (run->opened_count < run->connection_count || run->load.answers < answers) {
    if (turn(run) > run->phase_end_ns || run->load.closed > 0) fail("only %u connections opened", run->opened_count);
  }
  printf("{\"idle\":%u}\n", run->connection_count);
  fflush(stdout);
  wait_for_end((double)run->measure_ns / (double)NS_PER_SECOND);
  return 0;
}

static int report(struct run *run) {
  struct load *load = &run->load;
  uint64_t unanswered = count_outstanding(run) + count_overdue(run);
  double seconds = (double)(load->measure_to_ns - load->measure_from_ns) / (double)NS_PER_SECOND;
  load->errors += unanswered;
  const struct histogram *latencies = &load->latencies;
  double mean = latencies->total == 0 ? 0 : (double)latencies->sum_ns / (double)latencies->total / 1e3;
  printf("{\"requests\":%llu,\"rps\":%.0f,\"p50_us\":%.1f,\"p99_us\":%.1f,\"p999_us\":%.1f,"
         "\"max_us\":%.1f,\"mean_us\":%.1f,\"errors\":%llu,\"mismatched\":%llu,\"closed\":%llu,"
         "\"unanswered\":%llu,\"own_cpu_us\":%.0f,\"watched_cpu_us\":%.0f,\"watched_rss\":%llu,\"seconds\":%.6f,"
         "\"fault\":%s%s%s}\n",
         (unsigned long long)load->requests, (double)load->requests / seconds,
         histogram_quantile_us(latencies, 0.5), histogram_quantile_us(latencies, 0.99),
         histogram_quantile_us(latencies, 0.999), (double)latencies->max_ns / 1e3, mean,
         (unsigned long long)load->errors, (unsigned long long)load->mismatched,
         (unsigned long long)load->closed, (unsigned long long)unanswered,
         (double)(run->own_after.cpu_ns - run->own_before.cpu_ns) / 1e3,
         (double)(run->watched_after.cpu_ns - run->watched_before.cpu_ns) / 1e3,
         (unsigned long long)run->watched_after.resident_bytes, seconds, load->first_fault ? "\"" : "",
         load->first_fault ? load->first_fault : "null", load->first_fault ? "\"" : "");
  return load->requests > 0 && load->errors == 0 && load->mismatched == 0 ? 0 : 1;
}

int main(int argc, char **argv) {
  struct settings settings = parse(argc, argv);
  static struct run run;
  signal(SIGPIPE, SIG_IGN);
  raise_file_limit();
  prepare(&run, &settings);
  if (run.is_idle) return stay_idle(&run);
  drive(&run);
  return report(&run);
}
