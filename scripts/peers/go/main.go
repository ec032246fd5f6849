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
// A workload is one file and one row of the table below. A command line that is wrong ends with one
// line on stderr and status 2, work that goes wrong with status 1.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
)

const maxThreads = 256

type workload struct {
	name    string
	threads int // at most
	// options declares the flags of the workload and returns what runs it.
	options func(*flag.FlagSet) func(threads int) error
}

var workloads = []workload{
	{"binary-trees", maxThreads, binaryTrees},
	{"churn", maxThreads, churn},
	{"collect", 1, collect},
	{"frag", 1, fragmentation},
	{"gcbench", 1, gcbench},
	{"handoff", maxThreads, handoff},
	{"large", 1, large},
	{"leak", maxThreads, leak},
	{"mark", 1, mark},
	{"mb", maxThreads, microbenchmark},
	{"spike", maxThreads, spike},
	{"sweep", 1, sweep},
	{"win1k", maxThreads, window1k},
	{"win64", maxThreads, window64},
}

// errUsage is wrapped by what a workload returns if its options do not go together.
var errUsage = errors.New("usage")

// A value is one option: text is turned into it, or refused with the reason.
type value[T any] struct {
	at    *T
	parse func(text string) (T, error)
}

func (v value[T]) String() string {
	if v.at == nil { // as package flag makes one, to see what nothing looks like
		return ""
	}
	return fmt.Sprint(*v.at)
}

func (v value[T]) Set(text string) (err error) {
	x, err := v.parse(text)
	if err == nil {
		*v.at = x
	}
	return err
}

// number declares a whole number from least to most.
func number(flags *flag.FlagSet, name string, usual, least, most int, help string) *int {
	n := usual
	flags.Var(value[int]{&n, func(text string) (int, error) {
		x, err := strconv.Atoi(text)
		if err != nil || x < least || x > most {
			return 0, fmt.Errorf("not a whole number from %d to %d", least, most)
		}
		return x, nil
	}}, name, help)
	return &n
}

// choice declares one of some words.
func choice(flags *flag.FlagSet, name, usual string, words []string, help string) *string {
	word := usual
	flags.Var(value[string]{&word, func(text string) (string, error) {
		if !slices.Contains(words, text) {
			return "", fmt.Errorf("there are %s", strings.Join(words, " "))
		}
		return text, nil
	}}, name, help)
	return &word
}

func main() {
	if len(os.Args) < 2 {
		usage("which workload?")
	}
	for _, w := range workloads {
		if w.name != os.Args[1] {
			continue
		}
		flags := flag.NewFlagSet(w.name, flag.ContinueOnError)
		flags.SetOutput(io.Discard)
		threads := number(flags, "threads", 1, 1, w.threads, "goroutines that do the work")
		run := w.options(flags)
		if err := flags.Parse(os.Args[2:]); err != nil {
			stop(w.name, fmt.Errorf("%w: %w", errUsage, err))
		}
		if flags.NArg() > 0 {
			stop(w.name, fmt.Errorf("%w: no option: %q", errUsage, flags.Arg(0)))
		}
		if err := run(*threads); err != nil {
			stop(w.name, err)
		}
		return
	}
	usage(fmt.Sprintf("there is no workload %q", os.Args[1]))
}

func stop(workload string, err error) {
	fmt.Fprintf(os.Stderr, "peer %s: %v\n", workload, err)
	if errors.Is(err, errUsage) {
		os.Exit(2)
	}
	os.Exit(1)
}

func usage(why string) {
	names := make([]string, len(workloads))
	for i, w := range workloads {
		names[i] = w.name
	}
	fmt.Fprintf(os.Stderr, "usage: peer WORKLOAD [options]: %s; there are: %s\n", why, strings.Join(names, " "))
	os.Exit(2)
}
