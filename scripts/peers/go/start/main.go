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

const monotonic = 1

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
	var now syscall.Timespec
	_, _, failed := syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, monotonic, uintptr(unsafe.Pointer(&now)), 0)
	if failed != 0 {
		syscall.Write(2, []byte("peer-start: there is no monotonic clock\n"))
		syscall.Exit(1)
	}
	if object.self != nil || object.one != 1 {
		syscall.Write(2, []byte("peer-start: the object is harmed\n"))
		syscall.Exit(1)
	}
	mib := float64(residentKiB()) / 1024
	syscall.Write(1, []byte("first_allocation_at "+strconv.FormatInt(now.Nano(), 10)+" ns\n"+
		"rss "+strconv.FormatFloat(mib, 'g', -1, 64)+" MiB\n"+
		"checksum 0x0000000000000001 -\n"))
}
