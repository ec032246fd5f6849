// Command start is workload start under Go's own runtime, a program apart from the peer: it does
// nothing but make one object, and says when that was and how large it was then. What the peer
// imports would take a third as long again, before main has its turn.
//
// fmt and os are left out for the same reason. The runtime's clock is its own: what is printed is
// CLOCK_MONOTONIC, which can be held against the clock of whoever started the program.
package main

import (
	"bytes"
	"strconv"
	"syscall"
	"unsafe"
)

// clock_gettime's clocks
const (
	monotonic  = 1
	processCPU = 2
)

// now is nanoseconds of a clock of the kernel's; a failure ends the program.
func now(clock uintptr) int64 {
	var t syscall.Timespec
	_, _, failed := syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, clock, uintptr(unsafe.Pointer(&t)), 0)
	if failed != 0 {
		die("there is no such clock")
	}
	return t.Nano()
}

func die(why string) {
	syscall.Write(2, []byte("peer-start: "+why+"\n"))
	syscall.Exit(1)
}

func figure(name string, value int64, unit string) string {
	return name + " " + strconv.FormatInt(value, 10) + " " + unit + "\n"
}

type first struct {
	self *first
	one  uint64
}

var object *first

// residentKiB is the line VmRSS of /proc/self/status, 0 if it cannot be had.
func residentKiB() (kib int) {
	file, err := syscall.Open("/proc/self/status", syscall.O_RDONLY, 0)
	if err != nil {
		return 0
	}
	var text [4096]byte
	n, _ := syscall.Read(file, text[:])
	_, line, _ := bytes.Cut(text[:max(n, 0)], []byte("VmRSS:"))
	for _, c := range bytes.TrimLeft(line, " \t") {
		if c < '0' || c > '9' {
			break
		}
		kib = kib*10 + int(c-'0')
	}
	return kib
}

func main() {
	object = new(first)
	object.one = 1
	at, cpu := now(monotonic), now(processCPU)
	mib := float64(residentKiB()) / 1024
	if object.self != nil || object.one != 1 {
		die("the object is harmed")
	}
	syscall.Write(1, []byte(figure("first_allocation_at", at, "ns")+figure("first_allocation_cpu", cpu, "ns")+
		"rss "+strconv.FormatFloat(mib, 'g', -1, 64)+" MiB\n"+
		"checksum 0x0000000000000001 -\n"))
}
