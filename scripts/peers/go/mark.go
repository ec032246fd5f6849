// Workload mark: how fast a live heap is marked. A heap of one shape is built, collected once
// uncounted, and then as often as -collections says. One thread.

package main

import (
	"flag"
	"fmt"
	"runtime"
	"slices"
	"time"
	"unsafe"
)

const markFan = 128

type (
	markTree struct {
		left, right *markTree
		level, one  uint64
	}
	markObject [markFan]*markObject
	markNode   struct {
		next *markNode
		w    [7]uint64
	}
)

// A markShape is built into a global root, so that all of it is alive to the end.
type markShape struct {
	name  string
	log2  int // the usual size: 1 GiB
	bytes uintptr
	// build returns the number of objects and of references met by a marker.
	build func(log2 int) (objects, refs int)
	alive func() int
}

var (
	markTreeRoot *markTree
	markTable    []*markObject
	markHead     *markNode
)

var markShapes = []markShape{
	{"tree", 25, unsafe.Sizeof(markTree{}), buildMarkTree, func() int { return int(markTreeRoot.count()) }},
	{"rand", 20, unsafe.Sizeof(markObject{}), buildMarkRand, countMarkRand},
	{"list", 24, unsafe.Sizeof(markNode{}), buildMarkList, countMarkList},
	{"shuf", 24, unsafe.Sizeof(markNode{}), buildMarkShuf, countMarkList},
}

// newMarkTree: the parent first, then its left subtree, then its right.
func newMarkTree(levels int) *markTree {
	if levels == 0 {
		return nil
	}
	n := &markTree{level: uint64(levels), one: 1}
	n.left = newMarkTree(levels - 1)
	n.right = newMarkTree(levels - 1)
	return n
}

func (n *markTree) count() uint64 {
	if n == nil {
		return 0
	}
	return n.one + n.left.count() + n.right.count()
}

func buildMarkTree(log2 int) (objects, refs int) {
	markTreeRoot = newMarkTree(log2)
	objects = 1<<log2 - 1
	return objects, objects - 1
}

func buildMarkRand(log2 int) (objects, refs int) {
	n := 1 << log2
	markTable = make([]*markObject, n)
	for i := range markTable {
		markTable[i] = new(markObject)
	}
	seed := random(7)
	for _, o := range markTable {
		for j := range o {
			o[j] = markTable[index(high(seed.draw()), n)]
		}
	}
	return n, n * (markFan + 1)
}

func countMarkRand() (alive int) {
	for _, o := range markTable {
		if o[markFan-1] != nil {
			alive++
		}
	}
	return alive
}

func buildMarkList(log2 int) (objects, refs int) {
	n := 1 << log2
	markHead = new(markNode)
	last := markHead
	for i := 1; i < n; i++ {
		x := new(markNode)
		x.w[0] = uint64(i)
		last.next = x
		last = x
	}
	return n, n
}

func buildMarkShuf(log2 int) (objects, refs int) {
	n := 1 << log2
	table := make([]*markNode, n)
	for i := range table {
		table[i] = new(markNode)
		table[i].w[0] = uint64(i)
	}
	seed := random(9)
	for i := n - 1; i > 0; i-- {
		j := index(high(seed.draw()), i+1)
		table[i], table[j] = table[j], table[i]
	}
	for i := range n - 1 {
		table[i].next = table[i+1]
	}
	markHead = table[0]
	return n, n
}

func countMarkList() (alive int) {
	for x := markHead; x != nil; x = x.next {
		alive++
	}
	return alive
}

func shapeNames() (names []string) {
	for _, s := range markShapes {
		names = append(names, s.name)
	}
	return names
}

func mark(flags *flag.FlagSet) func(threads int) error {
	name := choice(flags, "shape", "tree", shapeNames(), "of the heap")
	log2 := number(flags, "log2", 0, 0, 30, "2^log2 objects (tree: levels); 0: the shape's own, 1 GiB in all")
	collections := number(flags, "collections", 5, 1, 1000, "collections that are timed")
	return func(threads int) error {
		i := slices.IndexFunc(markShapes, func(s markShape) bool { return s.name == *name })
		shape := markShapes[i]
		if *log2 == 0 {
			*log2 = shape.log2
		}
		from := clock()
		objects, refs := shape.build(*log2)
		emit("build", float64(clock()-from)/1e9, "s")
		return shape.collect(objects, refs, *collections)
	}
}

func (s markShape) collect(objects, refs, times int) error {
	runtime.GC()
	var w stopwatch
	walls, cpus := make([]float64, times), make([]float64, times)
	for k := range times {
		before := w
		w.begin()
		runtime.GC()
		w.end()
		walls[k] = (w.wall - before.wall).Seconds()
		cpus[k] = (w.cpu - before.cpu).Seconds()
	}
	if alive := s.alive(); alive != objects {
		return fmt.Errorf("%d objects are alive, %d were made", alive, objects)
	}
	slices.Sort(walls)
	slices.Sort(cpus)
	wall, cpu := walls[times/2], cpus[times/2]
	gb, ns := float64(objects)*float64(s.bytes)/1e9, float64(time.Second)
	emitChecksum(uint64(objects))
	emit("gc_wall_med", wall, "s")
	emit("gc_wall_min", walls[0], "s")
	emit("gc_wall_max", walls[times-1], "s")
	emit("gc_cpu_med", cpu, "s")
	emit("GBps_wall", gb/wall, "GB/s")
	emit("GBps_core", gb/cpu, "GB/s")
	emit("ns_obj_wall", wall*ns/float64(objects), "ns")
	emit("ns_obj_core", cpu*ns/float64(objects), "ns")
	emit("ns_ptr_core", cpu*ns/float64(max(refs, 1)), "ns")
	w.emit()
	return nil
}
