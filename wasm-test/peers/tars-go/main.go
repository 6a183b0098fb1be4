// Client and server of the tests on the official TARS for Go.
//
//	tarspeer server '{"port":9001,"label":"one"}'
//	tarspeer client '{"keepAliveMs":100}'
//
// Both are driven by JSON lines, see lines.go, print {"event":"ready"} and end with standard input. What tars2go would
// generate from an interface is written by hand: a dispatcher for the server, and TarsInvoke for the client.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"syscall"

	"github.com/TarsCloud/TarsGo/tars/util/rogger"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	if len(arguments) != 2 {
		return fmt.Errorf("usage: tarspeer server|client OPTIONS")
	}
	out, err := ownStdout()
	if err != nil {
		return err
	}
	rogger.SetLevel(rogger.OFF)
	lines := newLines(os.Stdin, out)
	switch arguments[0] {
	case "server":
		var options serverOptions
		if err := json.Unmarshal([]byte(arguments[1]), &options); err != nil {
			return err
		}
		return serve(options, lines)
	case "client":
		var options clientOptions
		if err := json.Unmarshal([]byte(arguments[1]), &options); err != nil {
			return err
		}
		return newDriver(options, lines).run()
	}
	return fmt.Errorf("unknown role %q", arguments[0])
}

// ownStdout keeps standard output for the control channel: the library logs to it.
func ownStdout() (*os.File, error) {
	copied, err := syscall.Dup(syscall.Stdout)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(copied), "control"), syscall.Dup3(syscall.Stderr, syscall.Stdout, 0)
}
