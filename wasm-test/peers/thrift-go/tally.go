package main

import (
	"math"
	"math/bits"
	"sync"
	"time"
)

const maxErrorTexts = 50

// tally is what came of a number of requests.
type tally struct {
	mutex     sync.Mutex
	succeeded int64
	failed    int64
	counts    map[string]map[string]int64
	errors    map[string]int64
	latencies histogram
}

func newTally() *tally {
	return &tally{counts: map[string]map[string]int64{}, errors: map[string]int64{}}
}

func (t *tally) success(name, label string, latency time.Duration) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.succeeded++
	if t.counts[name] == nil {
		t.counts[name] = map[string]int64{}
	}
	t.counts[name][label]++
	t.latencies.record(latency)
}

func (t *tally) failure(err error, latency time.Duration) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.failed++
	key := failureKey(err)
	if _, isKnown := t.errors[key]; !isKnown && len(t.errors) >= maxErrorTexts {
		key = "others"
	}
	t.errors[key]++
	t.latencies.record(latency)
}

// describe gives the fields that the wrappers of the tests declare as TrafficTally. Nobody records
// to the tally any more, or does so under its mutex.
func (t *tally) describe() object {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	counts := object{}
	for name, labels := range t.counts {
		copied := map[string]int64{}
		for label, count := range labels {
			copied[label] = count
		}
		counts[name] = copied
	}
	failures := map[string]int64{}
	for text, count := range t.errors {
		failures[text] = count
	}
	return object{
		"requests":  t.succeeded + t.failed,
		"succeeded": t.succeeded,
		"failed":    t.failed,
		"counts":    counts,
		"errors":    failures,
		"p50Ms":     t.latencies.quantileMs(0.5),
		"p99Ms":     t.latencies.quantileMs(0.99),
		"maxMs":     t.latencies.quantileMs(1),
	}
}

const (
	stepBits = 5
	steps    = 1 << stepBits
	buckets  = steps * 28
)

// histogram counts latencies from 1 microsecond to about 70 minutes in steps of at most 1/32 of the
// value: 32 buckets of one microsecond each, then 32 per power of two.
type histogram [buckets]int64

func (h *histogram) record(latency time.Duration) {
	micros := uint64(max(0, latency.Microseconds()))
	bucket := int(micros)
	if micros >= steps {
		shift := 63 - bits.LeadingZeros64(micros) - stepBits
		bucket = (shift+1)*steps + int(micros>>shift) - steps
	}
	h[min(bucket, buckets-1)]++
}

// quantileMs is the upper bound of the bucket that holds the quantile; 0 without any record.
func (h *histogram) quantileMs(quantile float64) float64 {
	var total int64
	for _, count := range h {
		total += count
	}
	rank := int64(math.Ceil(float64(total) * quantile))
	for bucket, count := range h {
		rank -= count
		if rank <= 0 && total > 0 {
			return upperBoundMicros(bucket) / 1e3
		}
	}
	return 0
}

func upperBoundMicros(bucket int) float64 {
	if bucket < steps {
		return float64(bucket + 1)
	}
	shift := bucket/steps - 1
	return float64(bucket%steps+steps+1) * float64(uint64(1)<<shift)
}
