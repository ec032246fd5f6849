// Command peer does what goheap's workloads do, under Go's own runtime, and prints what it took: one
// "metric value unit" a line, under goheap's names; the checksum as a hexadecimal number. GOGC,
// GOMAXPROCS, GOMEMLIMIT and GODEBUG come from the environment, as with any Go program.
//
//	peer binary-trees -depth 18 -threads 1
//	peer mb -class n16 -mode nogc -threads 1
//	GODEBUG=gctrace=1 peer win64 -threads 2
//
// What is printed for every workload: see emit in figures.go. All of it is for the whole run but
// for wall and cpu.
//
// A workload is one file and one row of the table below.
package main

import (
	"flag"
	"fmt"
	"os"
)

type workload struct {
	name string
	// options declares the flags of the workload and returns what runs it.
	options func(*flag.FlagSet) func(threads int) error
}

var workloads = []workload{
	{"binary-trees", binaryTrees},
	{"churn", churn},
	{"collect", collect},
	{"frag", fragmentation},
	{"gcbench", gcbench},
	{"handoff", handoff},
	{"large", large},
	{"leak", leak},
	{"mark", mark},
	{"mb", microbenchmark},
	{"spike", spike},
	{"sweep", sweep},
	{"win1k", window1k},
	{"win64", window64},
}

func main() {
	if len(os.Args) < 2 {
		usage()
	}
	for _, w := range workloads {
		if w.name != os.Args[1] {
			continue
		}
		flags := flag.NewFlagSet(w.name, flag.ExitOnError)
		threads := flags.Int("threads", 1, "goroutines that do the work")
		run := w.options(flags)
		flags.Parse(os.Args[2:])
		if flags.NArg() > 0 || *threads < 1 {
			usage()
		}
		if err := run(*threads); err != nil {
			fmt.Fprintf(os.Stderr, "peer %s: %v\n", w.name, err)
			os.Exit(1)
		}
		return
	}
	usage()
}

func usage() {
	fmt.Fprint(os.Stderr, "usage: peer WORKLOAD [options]; WORKLOAD is one of:")
	for _, w := range workloads {
		fmt.Fprint(os.Stderr, " ", w.name)
	}
	fmt.Fprintln(os.Stderr)
	os.Exit(2)
}
