package main

import (
	"fmt"
	"math"
	"sync"
	"time"
)

// driver performs the commands of a client:
//
//	call            target and one request
//	burst           target, requests, count, concurrency, rate
//	traffic         as burst, one request in flight per connection, until stop; lines with the same
//	                id and an event come meanwhile
//	mark, stop      traffic is the id of the traffic
//	close           port
type driver struct {
	lines    *lines
	pools    pools
	mutex    sync.Mutex
	traffics map[int64]*traffic
}

func newDriver(lines *lines) *driver {
	return &driver{lines: lines, pools: pools{byKey: map[string]*pool{}}, traffics: map[int64]*traffic{}}
}

func (d *driver) run() error {
	d.lines.write(object{"event": "ready"})
	return d.lines.read(func(next command) {
		go func() {
			value, err := d.perform(next)
			d.lines.answer(next.ID, value, err)
		}()
	})
}

func (d *driver) perform(next command) (any, error) {
	switch next.Op {
	case "call":
		return d.call(next)
	case "burst":
		callers, err := d.callers(next)
		if err != nil {
			return nil, err
		}
		return startTraffic(callers, next.Concurrency, next.Rate, max(1, next.Count), nil).finish(), nil
	case "traffic":
		return object{"started": true}, d.startTraffic(next)
	case "mark":
		running, err := d.traffic(next.Traffic, false)
		if err != nil {
			return nil, err
		}
		return object{"atMs": running.mark()}, nil
	case "stop":
		running, err := d.traffic(next.Traffic, true)
		if err != nil {
			return nil, err
		}
		return running.stop(), nil
	case "close":
		d.pools.close(next.Port)
		return nil, nil
	}
	return nil, fmt.Errorf("unknown op %q", next.Op)
}

func (d *driver) call(next command) (any, error) {
	pool, err := d.pools.get(next.target)
	if err != nil {
		return nil, err
	}
	caller, err := newCaller(pool, next.request)
	if err != nil {
		return nil, err
	}
	start := time.Now()
	outcome, err := caller.call()
	if err != nil {
		return nil, err
	}
	fields := outcome.describe(caller.first)
	fields["elapsedMs"] = float64(time.Since(start).Nanoseconds()) / 1e6
	return fields, nil
}

func (d *driver) callers(next command) ([]*caller, error) {
	if next.Connections == 0 {
		next.Connections = max(1, next.Concurrency)
	}
	pool, err := d.pools.get(next.target)
	if err != nil {
		return nil, err
	}
	var callers []*caller
	for _, wanted := range next.Requests {
		caller, err := newCaller(pool, wanted)
		if err != nil {
			return nil, err
		}
		callers = append(callers, caller)
	}
	if len(callers) == 0 {
		return nil, fmt.Errorf("no requests")
	}
	return callers, nil
}

func (d *driver) startTraffic(next command) error {
	callers, err := d.callers(next)
	if err != nil {
		return err
	}
	d.mutex.Lock()
	defer d.mutex.Unlock()
	d.traffics[next.ID] = startTraffic(callers, next.Connections, next.Rate, math.MaxInt64, func(event object) {
		event["id"] = next.ID
		d.lines.write(event)
	})
	return nil
}

func (d *driver) traffic(id int64, isEnding bool) (*traffic, error) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	running, ok := d.traffics[id]
	if !ok {
		return nil, fmt.Errorf("no traffic %d", id)
	}
	if isEnding {
		delete(d.traffics, id)
	}
	return running, nil
}
