// The timed section, the threads in it, and the form of the output.

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// stopwatch adds up wall time, and of the whole process, collector included, CPU time and the time
// that threads were ready to run but had no core.
type stopwatch struct {
	wall, cpu, wait   time.Duration
	from              time.Time
	cpuFrom, waitFrom time.Duration
	waitKnown         bool    // the kernel tells it
	peak              float64 // MiB: VmHWM at the end of the last section
}

func processCPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// processWait is the sum of what /proc says of each thread; not known if it does not say, or says
// that none has ever run. Threads that have ended are missing; the runtime keeps its own.
func processWait() (wait time.Duration, known bool) {
	files, _ := filepath.Glob("/proc/self/task/*/schedstat")
	for _, name := range files {
		text, err := os.ReadFile(name)
		var ran, waited int64
		if err == nil {
			fmt.Sscan(string(text), &ran, &waited)
		}
		wait += time.Duration(waited)
		known = known || ran > 0
	}
	return wait, known
}

func (w *stopwatch) begin() {
	w.waitFrom, _ = processWait()
	w.cpuFrom = processCPU()
	w.from = time.Now()
}

func (w *stopwatch) end() {
	w.wall += time.Since(w.from)
	w.cpu += processCPU() - w.cpuFrom
	wait, known := processWait()
	w.wait += max(wait-w.waitFrom, 0)
	w.waitKnown = known
	w.peak = residentMiB("VmHWM")
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

// share is where thread t's part of n things begins; it ends where that of t + 1 begins.
func share(n, t, threads int) int { return t * n / threads }

func emit(metric string, value float64, unit string) {
	fmt.Printf("%s %.9g %s\n", metric, value, unit)
}

func emitChecksum(sum uint64) { fmt.Printf("checksum 0x%016x -\n", sum) }
