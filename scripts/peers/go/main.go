// Command peer does what goheap's workloads do, under Go's own runtime, and prints what it took: one
// "metric value unit" a line, under goheap's names. GOGC and GOMAXPROCS come from the
// environment, as with any Go program.
//
//	peer binary-trees -depth 18 -threads 1
//	peer mb -class n16 -mode nogc -threads 1
//
// A workload is one file and one row of the table below.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"sync"
	"syscall"
	"time"
)

type workload struct {
	name string
	// options declares the flags of the workload and returns what runs it.
	options func(*flag.FlagSet) func(threads int) error
}

var workloads = []workload{
	{"binary-trees", binaryTrees},
	{"mb", microbenchmark},
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

// stopwatch adds up wall time, and CPU time of the whole process, collector included.
type stopwatch struct {
	wall, cpu time.Duration
	from      time.Time
	cpuFrom   time.Duration
}

func processCPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func (w *stopwatch) begin() {
	w.cpuFrom = processCPU()
	w.from = time.Now()
}

func (w *stopwatch) end() {
	w.wall += time.Since(w.from)
	w.cpu += processCPU() - w.cpuFrom
}

// parallel runs f for t = 0..threads-1 and waits for all; one thread is the caller's own. The
// goroutines are started before w begins (or goes on) and let go together.
func parallel(threads int, w *stopwatch, f func(t int)) {
	if threads == 1 {
		w.begin()
		f(0)
		w.end()
		return
	}
	var ready, done sync.WaitGroup
	gate := make(chan struct{})
	for t := 0; t < threads; t++ {
		ready.Add(1)
		done.Add(1)
		go func() {
			ready.Done()
			<-gate
			f(t)
			done.Done()
		}()
	}
	ready.Wait()
	w.begin()
	close(gate)
	done.Wait()
	w.end()
}

func emit(metric string, value float64, unit string) {
	fmt.Printf("%s %.9g %s\n", metric, value, unit)
}

func (w *stopwatch) emit() {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	emit("wall", w.wall.Seconds(), "s")
	emit("cpu", w.cpu.Seconds(), "s")
	emit("cycles", float64(m.NumGC), "cycles")
}
