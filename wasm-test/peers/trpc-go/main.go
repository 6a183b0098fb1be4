// Client and server of the tests on the official tRPC for Go; the service is the library's own example.
//
//	trpcpeer server '{"endpoints":[{"port":9001,"label":"v1","streams":true}]}'
//	trpcpeer client
//
// Both are driven by JSON lines, see lines.go, print {"event":"ready"} and end with standard input.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"syscall"

	"trpc.group/trpc-go/trpc-go/log"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	if len(arguments) == 0 {
		return fmt.Errorf("usage: trpcpeer server OPTIONS | client")
	}
	out, err := ownStdout()
	if err != nil {
		return err
	}
	log.SetLevel("0", log.LevelFatal)
	lines := newLines(os.Stdin, out)
	switch arguments[0] {
	case "server":
		var options serverOptions
		if len(arguments) < 2 {
			return fmt.Errorf("server needs its options")
		}
		if err := json.Unmarshal([]byte(arguments[1]), &options); err != nil {
			return err
		}
		return serve(options, lines)
	case "client":
		return newDriver(lines).run()
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
