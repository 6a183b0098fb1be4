package main

import (
	"context"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/TarsCloud/TarsGo/tars"
	"github.com/TarsCloud/TarsGo/tars/protocol/res/requestf"
	"github.com/TarsCloud/TarsGo/tars/util/tools"
)

const servant = "Demo.Test.GreeterObj"

const configuration = `<tars>
  <application>
    <server>
      app=Demo
      server=Test
      localip=127.0.0.1
      basepath=%[1]s
      datapath=%[1]s
      logpath=%[1]s
      logLevel=OFF
      <Demo.Test.GreeterObjAdapter>
        endpoint=tcp -h 127.0.0.1 -p %[2]d -t 60000
        protocol=tars
        servant=Demo.Test.GreeterObj
        threads=1
      </Demo.Test.GreeterObjAdapter>
    </server>
    <client>
      async-invoke-timeout=60000
    </client>
  </application>
</tars>
`

type serverOptions struct {
	Port  int    `json:"port"`
	Label string `json:"label"`
	// Folder is where the library keeps its files.
	Folder string `json:"folder"`
}

// greeter is what tars2go would have called by name: it echoes who it is, what it was told and with what.
type greeter struct {
	label string
	mutex sync.Mutex
	calls map[string]int
	fired []string
}

// Dispatch answers Echo and Other, takes its time for Silent, fails for Fail, and remembers Fire.
func (g *greeter) Dispatch(
	_ context.Context, _ interface{}, request *requestf.RequestPacket, response *requestf.ResponsePacket, _ bool,
) error {
	text := string(tools.Int8ToByte(request.SBuffer))
	g.mutex.Lock()
	g.calls[request.SFuncName]++
	if request.SFuncName == "Fire" {
		g.fired = append(g.fired, text)
	}
	g.mutex.Unlock()
	switch request.SFuncName {
	case "Echo", "Other", "Fire":
	case "Silent":
		time.Sleep(20 * time.Second)
	case "Fail":
		return tars.Errorf(1234, "%s", text)
	default:
		return fmt.Errorf("func mismatch")
	}
	response.SBuffer = tools.ByteToInt8([]byte(g.label))
	response.Context = request.Context
	return nil
}

func (g *greeter) describe() object {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	return object{"calls": maps.Clone(g.calls), "fired": append([]string{}, g.fired...)}
}

func serve(options serverOptions, lines *lines) error {
	path := filepath.Join(options.Folder, "config.conf")
	written := fmt.Sprintf(configuration, options.Folder, options.Port)
	if err := os.WriteFile(path, []byte(written), 0o600); err != nil {
		return err
	}
	tars.ServerConfigPath = path
	tars.GetServerConfig()
	served := &greeter{label: options.Label, calls: map[string]int{}}
	tars.AddServantWithContext(served, served, servant)
	go tars.Run()
	if err := awaitListener(options.Port); err != nil {
		return err
	}
	lines.write(object{"event": "ready"})
	return lines.read(func(next command) { lines.answer(next.ID, served.describe(), nil) })
}

func awaitListener(port int) error {
	address := fmt.Sprintf("127.0.0.1:%d", port)
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		connection, err := net.Dial("tcp", address)
		if err == nil {
			return connection.Close()
		}
		if time.Now().After(deadline) {
			return err
		}
	}
}
