package main

import (
	"sync"
	"sync/atomic"
	"time"
)

// traffic sends requests in turn, from so many goroutines, until stopped or until there were enough.
// With a rate they leave at fixed times and each latency counts from the time the request should have
// left, so a stall is not hidden by the requests that it held back.
type traffic struct {
	callers []*caller
	rate    float64
	limit   int64
	events  func(object)
	start   time.Time
	next    atomic.Int64
	stopped chan struct{}
	workers sync.WaitGroup
	total   *tally
	mutex   sync.Mutex
	window  *tally
	seen    map[string]bool
}

// startTraffic: rate in requests per second over all workers, 0 for as fast as answers come; limit is
// the number of requests after which it ends by itself; events receives "stats" once a second and
// "first" for the first answer of a label to a request name since the last mark, or is nil.
func startTraffic(callers []*caller, concurrency int, rate float64, limit int64, events func(object)) *traffic {
	t := &traffic{
		callers: callers,
		rate:    rate,
		limit:   limit,
		events:  events,
		start:   time.Now(),
		stopped: make(chan struct{}),
		total:   newTally(),
		window:  newTally(),
		seen:    map[string]bool{},
	}
	for range max(1, concurrency) {
		t.workers.Go(t.work)
	}
	if events != nil {
		go t.report()
	}
	return t
}

func (t *traffic) work() {
	for {
		number := t.next.Add(1) - 1
		if number >= t.limit {
			return
		}
		start := time.Now()
		if t.rate > 0 {
			start = t.start.Add(time.Duration(float64(number) * float64(time.Second) / t.rate))
		}
		if t.waitUntil(start) {
			return
		}
		t.send(t.callers[number%int64(len(t.callers))], start)
	}
}

// waitUntil returns true when the traffic was stopped meanwhile.
func (t *traffic) waitUntil(start time.Time) bool {
	select {
	case <-t.stopped:
		return true
	default:
	}
	rest := time.Until(start)
	if rest <= 0 {
		return false
	}
	select {
	case <-t.stopped:
		return true
	case <-time.After(rest):
		return false
	}
}

func (t *traffic) send(caller *caller, start time.Time) {
	outcome, err := caller.call()
	latency := time.Since(start)
	t.mutex.Lock()
	window := t.window
	key := caller.name + "\x00" + outcome.label
	isFirst := err == nil && !t.seen[key]
	if isFirst {
		t.seen[key] = true
	}
	t.mutex.Unlock()
	if err != nil {
		t.total.failure(err, latency)
		window.failure(err, latency)
		return
	}
	t.total.success(caller.name, outcome.label, latency)
	window.success(caller.name, outcome.label, latency)
	if isFirst && t.events != nil {
		t.events(object{"event": "first", "name": caller.name, "label": outcome.label, "atMs": epochMs()})
	}
}

func (t *traffic) report() {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-t.stopped:
			return
		case <-ticker.C:
		}
		t.mutex.Lock()
		window := t.window
		t.window = newTally()
		t.mutex.Unlock()
		fields := window.describe()
		fields["event"] = "stats"
		fields["elapsedMs"] = t.elapsedMs()
		t.events(fields)
	}
}

// mark makes the first answer of each label be reported again. It returns the time, epoch ms.
func (t *traffic) mark() float64 {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.seen = map[string]bool{}
	return epochMs()
}

// stop lets no further request leave, waits for every answer, and tells what came of all of them.
func (t *traffic) stop() object {
	close(t.stopped)
	return t.finish()
}

// finish waits for the limit to be reached.
func (t *traffic) finish() object {
	t.workers.Wait()
	fields := t.total.describe()
	fields["elapsedMs"] = t.elapsedMs()
	return fields
}

func (t *traffic) elapsedMs() float64 {
	return float64(time.Since(t.start).Nanoseconds()) / 1e6
}

func epochMs() float64 {
	return float64(time.Now().UnixNano()) / 1e6
}
