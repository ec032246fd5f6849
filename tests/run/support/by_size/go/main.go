// The allocation sequence of ../sequence.md under Go's own runtime, and what its per-size-class counters
// say of it. ../by_size.c does the same under goheap; the tables must be equal.
//
// The counters are of the whole process, so whatever else allocates would show. One P, collections only when
// asked for, everything prepared before the first snapshot; and a rehearsal with an empty
// sequence first, in which no counter may move. If one does, the program exits with status 3
// and should be run again.
package main

import (
	"fmt"
	"os"
	"reflect"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"unsafe"
)

const (
	ops         = 40000
	seed        = 26
	classes     = 67
	largeSpread = 262144
)

var edges = []uint64{496, 497, 504, 505, 511, 512, 513, 519, 520, 521, 1016, 1017, 1024, 1025,
	32744, 32752, 32753, 32759, 32760, 32761, 32767, 32768, 32769}

type random uint64

func (r *random) draw() uint64 {
	*r += 0x9E3779B97F4A7C15
	z := uint64(*r)
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	return z ^ z>>31
}

func below(x32, n uint64) uint64 { return x32 * n >> 32 }

func low32(x uint64) uint64 { return x & 0xFFFFFFFF }

func flag(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// op is one allocation, decided beforehand. words is nil if it holds no references.
type op struct {
	bytes uint64
	words reflect.Type
	keep  bool
}

// snapshot is everything the runtime counts that the table is made of.
type snapshot struct {
	mem     runtime.MemStats
	samples []metrics.Sample
}

func newSnapshot() *snapshot {
	s := &snapshot{samples: []metrics.Sample{
		{Name: "/gc/heap/allocs-by-size:bytes"},
		{Name: "/gc/heap/frees-by-size:bytes"},
		{Name: "/gc/heap/tiny/allocs:objects"},
	}}
	s.read() // the histograms are allocated now and used again
	return s
}

func (s *snapshot) read() {
	runtime.ReadMemStats(&s.mem)
	metrics.Read(s.samples)
}

// mallocs and frees count objects of size class c; c == classes+1 is for large objects.
func (s *snapshot) mallocs(c int) uint64 { return s.samples[0].Value.Float64Histogram().Counts[c-1] }
func (s *snapshot) frees(c int) uint64   { return s.samples[1].Value.Float64Histogram().Counts[c-1] }
func (s *snapshot) tiny() uint64         { return s.samples[2].Value.Uint64() }

// size of class c, from 1; Go's buckets end one byte after their largest object.
func (s *snapshot) size(c int) uint64 {
	if c == 0 {
		return 0
	}
	return uint64(s.samples[0].Value.Float64Histogram().Buckets[c]) - 1
}

func sizeOfClass(lowX, y uint64, s *snapshot) uint64 {
	c := int(1 + below(lowX, classes))
	top, low := s.size(c), s.size(c-1)+1
	switch y >> 32 & 3 {
	case 0:
		return top
	case 1:
		return low
	case 2:
		if top > 8 {
			return top - 8
		}
		return 1
	}
	return low + below(low32(y), top-low+1)
}

func next(r *random, s *snapshot) op {
	x, y := r.draw(), r.draw()
	kind := below(x>>32, 100)
	var o op
	switch {
	case kind < 50:
		o.bytes = 1 + below(low32(x), 15)
	case kind < 94:
		o.bytes = sizeOfClass(low32(x), y, s)
	case kind < 98:
		o.bytes = edges[below(low32(x), uint64(len(edges)))]
	default:
		o.bytes = 32769 + below(low32(y), largeSpread)
	}
	if kind >= 50 && y>>34&1 != 0 {
		o.bytes = (o.bytes + 7) / 8 * 8
		o.words = reflect.ArrayOf(int(o.bytes/8), reflect.TypeOf((*byte)(nil)))
		reflect.New(o.words) // so that what reflect makes once a type is made before the snapshots
	}
	o.keep = y>>35&3 == 0
	return o
}

var (
	kept []unsafe.Pointer
	sink unsafe.Pointer // global: what is stored here must be on the heap
)

//go:noinline
func allocate(o op) unsafe.Pointer {
	if o.words != nil {
		return reflect.New(o.words).UnsafePointer()
	}
	return unsafe.Pointer(unsafe.SliceData(make([]byte, o.bytes)))
}

//go:noinline
func perform(sequence []op) {
	for i, o := range sequence {
		sink = allocate(o)
		if o.keep {
			kept[i] = sink
		}
	}
	sink = nil
}

func collectAndRead(s *snapshot) {
	runtime.GC()
	runtime.GC()
	s.read()
}

// measure does everything between the first and the last snapshot.
func measure(sequence []op, s [4]*snapshot) {
	collectAndRead(s[0])
	perform(sequence)
	s[1].read()
	collectAndRead(s[2])
	clear(kept)
	collectAndRead(s[3])
}

func fail(status int, text string) {
	fmt.Fprintln(os.Stderr, "by_size: "+text)
	os.Exit(status)
}

// check compares MemStats with the metrics the table is made of, and that nothing else was allocated.
func check(s [4]*snapshot) {
	for i := range s {
		for c := 1; c < len(s[i].mem.BySize); c++ {
			b := s[i].mem.BySize[c]
			if uint64(b.Size) != s[i].size(c) || b.Mallocs != s[i].mallocs(c) || b.Frees != s[i].frees(c) {
				fail(3, fmt.Sprintf("MemStats.BySize and runtime/metrics disagree in class %d", c))
			}
		}
	}
	for c := 1; c <= classes+1; c++ {
		if s[2].mallocs(c) != s[1].mallocs(c) || s[3].mallocs(c) != s[1].mallocs(c) {
			fail(3, fmt.Sprintf("class %d grew after the sequence had ended", c))
		}
	}
}

func show(s [4]*snapshot) {
	for c := 1; c <= classes+1; c++ {
		if c <= classes {
			fmt.Printf("class %2d size %5d ", c, s[0].size(c))
		} else {
			fmt.Print("large ")
		}
		fmt.Printf("mallocs %d frees %d then %d\n", s[3].mallocs(c)-s[0].mallocs(c),
			s[2].frees(c)-s[0].frees(c), s[3].frees(c)-s[0].frees(c))
	}
	fmt.Printf("tiny %d\n", s[3].tiny()-s[0].tiny())
	fmt.Printf("objects mallocs %d frees %d then %d\n", s[3].mem.Mallocs-s[0].mem.Mallocs,
		s[2].mem.Frees-s[0].mem.Frees, s[3].mem.Frees-s[0].mem.Frees)
	fmt.Printf("bytes allocated %d live %d then %d\n", s[1].mem.TotalAlloc-s[0].mem.TotalAlloc,
		s[2].mem.HeapAlloc-s[0].mem.HeapAlloc, s[3].mem.HeapAlloc-s[0].mem.HeapAlloc)
}

func main() {
	runtime.GOMAXPROCS(1)
	debug.SetGCPercent(-1)
	var s [4]*snapshot
	for i := range s {
		s[i] = newSnapshot()
	}
	if n := len(s[0].samples[0].Value.Float64Histogram().Counts); n != classes+1 {
		fail(1, fmt.Sprintf("this Go has %d size classes, not %d", n-1, classes))
	}
	kept = make([]unsafe.Pointer, ops)
	sequence := make([]op, 0, ops)
	r, sum := random(seed), uint64(0)
	for range ops {
		o := next(&r, s[0])
		sequence = append(sequence, o)
		sum = sum*31 + o.bytes*4 + flag(o.words != nil)*2 + flag(o.keep)
	}

	for range 3 {
		measure(nil, s)
	}
	if s[3].mem.Mallocs != s[0].mem.Mallocs || s[3].mem.Frees != s[0].mem.Frees {
		fail(3, "something else allocates: counters moved in the rehearsal")
	}
	measure(sequence, s)
	runtime.KeepAlive(sequence) // its own memory must not be freed within the measurement
	check(s)
	fmt.Printf("sequence %016x\n", sum)
	show(s)
}
