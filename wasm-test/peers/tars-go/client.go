package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/TarsCloud/TarsGo/tars"
	"github.com/TarsCloud/TarsGo/tars/protocol/res/basef"
	"github.com/TarsCloud/TarsGo/tars/protocol/res/requestf"
	"github.com/TarsCloud/TarsGo/tars/util/tools"
)

const defaultTimeoutMs = 5000

// driver performs the commands of a client: call, and burst, which calls until there were count or durationMs is over.
// All calls to a port share one connection.
type driver struct {
	lines        *lines
	communicator *tars.Communicator
	keepsAlive   bool
	mutex        sync.Mutex
	proxies      map[string]*tars.ServantProxy
}

type clientOptions struct {
	// KeepAliveMs lies between two signs of life of a connection; 0 is none.
	KeepAliveMs int `json:"keepAliveMs"`
}

func newDriver(options clientOptions, lines *lines) *driver {
	communicator := tars.NewCommunicator()
	if options.KeepAliveMs > 0 {
		// The library gives two of them within the time after which it closes an idle connection.
		communicator.Client.ClientIdleTimeout = 2 * time.Duration(options.KeepAliveMs) * time.Millisecond
	}
	return &driver{
		lines: lines, communicator: communicator, keepsAlive: options.KeepAliveMs > 0,
		proxies: map[string]*tars.ServantProxy{},
	}
}

func (d *driver) run() error {
	d.lines.write(object{"event": "ready"})
	return d.lines.read(func(next command) {
		go func() {
			if next.Op == "burst" {
				d.lines.answer(next.ID, d.burst(next), nil)
				return
			}
			value, err := d.call(next)
			d.lines.answer(next.ID, value, err)
		}()
	})
}

func (d *driver) proxy(wanted command) *tars.ServantProxy {
	timeout := wanted.TimeoutMs
	if timeout == 0 {
		timeout = defaultTimeoutMs
	}
	name := fmt.Sprintf("%s@tcp -h 127.0.0.1 -p %d -t 60000", servant, wanted.Port)
	key := fmt.Sprintf("%s %d", name, timeout)
	d.mutex.Lock()
	defer d.mutex.Unlock()
	found, isKnown := d.proxies[key]
	if !isKnown {
		found = tars.NewServantProxy(d.communicator, name)
		found.TarsSetTimeout(timeout)
		if d.keepsAlive {
			// Only connections that may be pushed to are kept alive.
			found.SetPushCallback(func([]byte) {})
		}
		d.proxies[key] = found
	}
	return found
}

func (d *driver) call(wanted command) (object, error) {
	kind := byte(basef.TARSNORMAL)
	if wanted.Oneway {
		kind = byte(basef.TARSONEWAY)
	}
	response := &requestf.ResponsePacket{}
	err := d.proxy(wanted).TarsInvoke(
		context.Background(), kind, wanted.Method, []byte(wanted.Text), map[string]string{}, wanted.Context, response)
	if err != nil {
		return nil, err
	}
	return object{"label": string(tools.Int8ToByte(response.SBuffer)), "context": response.Context}, nil
}

func (d *driver) burst(wanted command) object {
	var mutex sync.Mutex
	var workers sync.WaitGroup
	sent := 0
	labels, failures := map[string]int{}, map[string]int{}
	end := time.Now().Add(time.Duration(wanted.DurationMs) * time.Millisecond)
	next := func() bool {
		mutex.Lock()
		defer mutex.Unlock()
		sent++
		return wanted.Count > 0 && sent <= wanted.Count || wanted.Count == 0 && time.Now().Before(end)
	}
	for range max(1, wanted.Concurrency) {
		workers.Add(1)
		go func() {
			defer workers.Done()
			for next() {
				result, err := d.call(wanted)
				mutex.Lock()
				if err != nil {
					failures[fmt.Sprint(tars.GetErrorCode(err))]++
				} else {
					labels[result["label"].(string)]++
				}
				mutex.Unlock()
			}
		}()
	}
	workers.Wait()
	return object{"labels": labels, "errors": failures}
}

// describeFailure tells what the client's own code would have caught.
func describeFailure(err error) object {
	class, code := fmt.Sprintf("%T", err), any(nil)
	if typed, ok := err.(*tars.Error); ok {
		class, code = "tars.Error", typed.Code
	}
	link := object{"class": class, "message": err.Error(), "code": code}
	return object{"message": err.Error(), "code": code, "chain": []object{link}}
}
