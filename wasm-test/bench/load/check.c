// Load that holds the proxy to its word, while others disturb it: no request is lost, no answer is
// someone else's, none comes twice.
//
//   check --protocol dubbo|thrift --port PORT [--host 127.0.0.1] [--connections 1] [--inflight 1]
//         [--payloads 100,4096] [--methods 1] [--rate R] [--lifetime N] [--seed S] [--report 1] [--drain 10]
//
// Each connection keeps requests in flight, --rate of all of them a second at most. The payload is picked at
// random for each request, and so is the method, when there are several: call0, call1 and so on. With
// --lifetime connections are closed after so many requests on average, one of four with requests outstanding.
// Connections that end are dialled again.
//
// Prints one line of JSON each --report seconds. Stops sending at the end of its standard input, waits
// --drain seconds for what is outstanding, and prints a last line with "isLast":true.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "check.h"
#include "net.h"
#include "options.h"

#define NS_PER_SECOND 1000000000ull
#define MAX_EVENTS 256
#define TICK_MS 5
// More than this at once would be a burst, not a rate.
#define BURST_SECONDS 0.05
#define MAX_DIALS_PER_TICK 200
#define MAX_SHAPES 1024

static const char usage[] =
    "usage: check --protocol dubbo|thrift --port PORT [--host IP] [--connections N] [--inflight N] [--payloads LIST] "
    "[--methods N] [--rate PER_SECOND] [--lifetime REQUESTS] [--seed N] [--report S] [--drain S]";

struct run {
  struct check check;
  struct client *clients;
  unsigned client_count;
  unsigned next_client; // Whose turn it is to be filled first.
  double rate;          // Requests per second; 0: as many as are answered.
  uint64_t report_ns;
  uint64_t drain_ns;
  uint64_t filled_ns; // When the allowance was last filled.
};

struct settings {
  const char *protocol, *host, *payloads;
  double port, connections, in_flight, methods, rate, lifetime, seed, report, drain;
};

static struct settings parse(int argc, char **argv) {
  struct settings settings = {
      .host = "127.0.0.1", .payloads = "100", .connections = 1, .in_flight = 1, .methods = 1, .report = 1, .drain = 10};
  const struct option_spec specs[] = {
      {.name = "protocol", .text = &settings.protocol},
      {.name = "host", .text = &settings.host},
      {.name = "payloads", .text = &settings.payloads},
      {.name = "port", .number = &settings.port},
      {.name = "connections", .number = &settings.connections},
      {.name = "inflight", .number = &settings.in_flight},
      {.name = "methods", .number = &settings.methods},
      {.name = "rate", .number = &settings.rate},
      {.name = "lifetime", .number = &settings.lifetime},
      {.name = "seed", .number = &settings.seed},
      {.name = "report", .number = &settings.report},
      {.name = "drain", .number = &settings.drain},
  };
  read_options(argc, argv, specs, sizeof specs / sizeof *specs, usage);
  if (settings.protocol == NULL || settings.port < 1) fail("--protocol and --port are needed\n%s", usage);
  if (settings.connections < 1 || settings.in_flight < 1 || settings.in_flight > 65536 || settings.methods < 1) {
    fail("--connections and --methods are at least 1, --inflight 1 to 65536");
  }
  return settings;
}

static void add_shape(struct check *check, const char *method, size_t size) {
  if (size < NONCE_SIZE) fail("a payload has at least %d bytes", NONCE_SIZE);
  if (check->shape_count == MAX_SHAPES) fail("more than %d kinds of request", MAX_SHAPES);
  uint8_t *payload = malloc(size);
  if (payload == NULL) fail("out of memory");
  for (size_t i = 0; i < size; i++) payload[i] = (uint8_t)('a' + (i * 7 + i / 251) % 26);
  struct shape *shape = &check->shapes[check->shape_count++];
  shape->method = method;
  check->protocol->make_template(&shape->request, "demo.Greeter", method, payload, size);
  free(payload);
}

static void make_shapes(struct check *check, const struct settings *settings) {
  check->shapes = calloc(MAX_SHAPES, sizeof *check->shapes);
  if (check->shapes == NULL) fail("out of memory");
  for (unsigned i = 0; i < (unsigned)settings->methods; i++) {
    char *method;
    if (asprintf(&method, settings->methods == 1 ? "call" : "call%u", i) < 0) fail("out of memory");
    for (const char *at = settings->payloads; at != NULL && *at != '\0';) {
      add_shape(check, method, (size_t)strtoul(at, NULL, 10));
      at = strchr(at, ',');
      if (at != NULL) at++;
    }
  }
}

static void prepare(struct run *run, const struct settings *settings) {
  struct check *check = &run->check;
  check->protocol = find_protocol(settings->protocol);
  check->host = settings->host;
  check->port = (int)settings->port;
  check->in_flight = (unsigned)settings->in_flight;
  while (1u << check->slot_bits < check->in_flight) check->slot_bits++;
  check->lifetime = (unsigned)settings->lifetime;
  check->random = 0x9e3779b97f4a7c15ull ^ ((uint64_t)settings->seed << 20);
  check->next_nonce = (uint64_t)settings->seed << 48;
  check->epoll = epoll_create1(EPOLL_CLOEXEC);
  make_shapes(check, settings);
  run->rate = settings->rate;
  run->report_ns = (uint64_t)(settings->report * (double)NS_PER_SECOND);
  run->drain_ns = (uint64_t)(settings->drain * (double)NS_PER_SECOND);
  run->client_count = (unsigned)settings->connections;
  run->clients = calloc(run->client_count, sizeof *run->clients);
  if (run->clients == NULL) fail("out of memory");
  for (unsigned i = 0; i < run->client_count; i++) client_init(check, &run->clients[i]);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
  fcntl(STDIN_FILENO, F_SETFL, fcntl(STDIN_FILENO, F_GETFL) | O_NONBLOCK);
  if (epoll_ctl(check->epoll, EPOLL_CTL_ADD, STDIN_FILENO, &event) != 0) fail("standard input must be a pipe");
}

static uint64_t outstanding(const struct run *run, unsigned *open) {
  uint64_t count = 0;
  *open = 0;
  for (unsigned i = 0; i < run->client_count; i++) {
    count += run->clients[i].outstanding;
    *open += run->clients[i].is_open;
  }
  return count;
}

static void report(struct run *run, double seconds, bool is_last) {
  struct check *check = &run->check;
  struct tally *tally = &check->tally;
  unsigned open;
  unsigned long long waiting = outstanding(run, &open);
  if (is_last) tally->lost += waiting;
  printf("{\"sent\":%llu,\"answered\":%llu,\"failed\":{", (unsigned long long)tally->sent,
         (unsigned long long)tally->answered);
  for (int i = 0; i < FLAG_COUNT; i++) {
    printf("%s\"%s\":%llu", i == 0 ? "" : ",", flag_names[i], (unsigned long long)tally->failed[i]);
  }
  printf("},\"abandoned\":%llu,\"lost\":%llu,\"foreign\":%llu,\"duplicated\":%llu,\"malformed\":%llu,\"unserved\":%llu,",
         (unsigned long long)tally->abandoned, (unsigned long long)tally->lost, (unsigned long long)tally->foreign,
         (unsigned long long)tally->duplicated, (unsigned long long)tally->malformed, (unsigned long long)tally->unserved);
  printf("\"connected\":%llu,\"refused\":%llu,\"cut\":%llu,\"open\":%u,\"waiting\":%llu,",
         (unsigned long long)tally->connected, (unsigned long long)tally->refused, (unsigned long long)tally->cut,
         open, waiting);
  // Latencies of the time since the last line.
  printf("\"rps\":%.0f,\"p50Us\":%.1f,\"p99Us\":%.1f,\"maxUs\":%.1f,\"fault\":%s%s%s,\"isLast\":%s}\n",
         seconds > 0 ? (double)check->latencies.total / seconds : 0, histogram_quantile_us(&check->latencies, 0.5),
         histogram_quantile_us(&check->latencies, 0.99), (double)check->latencies.max_ns / 1e3,
         check->first_fault ? "\"" : "", check->first_fault ? check->first_fault : "null",
         check->first_fault ? "\"" : "", is_last ? "true" : "false");
  fflush(stdout);
  memset(&check->latencies, 0, sizeof check->latencies);
}

static void refill(struct run *run, uint64_t now) {
  struct check *check = &run->check;
  double burst = run->rate * BURST_SECONDS + 1;
  check->allowance += run->rate * (double)(now - run->filled_ns) / (double)NS_PER_SECOND;
  if (run->rate == 0 || check->allowance > burst) check->allowance = run->rate == 0 ? 1e18 : burst;
  run->filled_ns = now;
}

// Dials what is closed, and gives every connection its turn, first those that had none the last time.
static void tend(struct run *run, uint64_t now) {
  unsigned dials = 0;
  refill(run, now);
  unsigned begin = run->next_client;
  for (unsigned i = 0; i < run->client_count; i++) {
    unsigned index = (begin + i) % run->client_count;
    struct client *client = &run->clients[index];
    if (client->socket < 0 && dials < MAX_DIALS_PER_TICK) {
      dials++;
      client_dial(&run->check, client);
    } else if (run->check.allowance >= 1) {
      client_fill(&run->check, client, now);
      run->next_client = index + 1;
    }
  }
}

// True at the end of the standard input.
static bool is_input_at_end(void) {
  char ignored[256];
  ssize_t size = read(STDIN_FILENO, ignored, sizeof ignored);
  return size == 0 || (size < 0 && errno != EAGAIN && errno != EINTR);
}

static void drive(struct run *run) {
  struct epoll_event events[MAX_EVENTS];
  uint64_t next_tick = 0, reported_ns = now_ns(), stopped_ns = 0;
  for (;;) {
    int count = epoll_wait(run->check.epoll, events, MAX_EVENTS, TICK_MS);
    for (int i = 0; i < count; i++) {
      if (events[i].data.ptr != NULL) {
        client_handle(&run->check, events[i].data.ptr, events[i].events, now_ns());
      } else if (is_input_at_end()) {
        epoll_ctl(run->check.epoll, EPOLL_CTL_DEL, STDIN_FILENO, NULL);
        run->check.is_stopping = true;
        stopped_ns = now_ns();
      }
    }
    uint64_t now = now_ns();
    if (now < next_tick) continue;
    next_tick = now + TICK_MS * 1000000ull;
    unsigned open;
    if (stopped_ns == 0) {
      tend(run, now);
    } else if (outstanding(run, &open) == 0 || now > stopped_ns + run->drain_ns) {
      report(run, (double)(now - reported_ns) / 1e9, true);
      return;
    }
    if (now - reported_ns < run->report_ns) continue;
    report(run, (double)(now - reported_ns) / 1e9, false);
    reported_ns = now;
  }
}

int main(int argc, char **argv) {
  struct settings settings = parse(argc, argv);
  static struct run run;
  signal(SIGPIPE, SIG_IGN);
  raise_file_limit();
  prepare(&run, &settings);
  run.filled_ns = now_ns();
  drive(&run);
  return 0;
}
