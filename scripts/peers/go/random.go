// Random numbers (splitmix64), and the sizes of payloads.

package main

import "math"

type random uint64

func (r *random) draw() uint64 {
	*r += 0x9E3779B97F4A7C15
	z := uint64(*r)
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	return z ^ z>>31
}

func high(x uint64) uint32 { return uint32(x >> 32) }
func low(x uint64) uint32  { return uint32(x) }

// index maps 32 random bits to 0..n-1.
func index(x uint32, n int) int { return int(uint64(x) * uint64(n) >> 32) }

// payloadSizes are the quantiles (i + 0.5) / 256 of a lognormal distribution with median 128 and
// sigma 1.25, in whole bytes, rounded up to 8 and kept between 16 and 4096.
var payloadSizes = func() (sizes [256]uint32) {
	for i := range sizes {
		p := (float64(i) + 0.5) / float64(len(sizes))
		z := math.Sqrt2 * math.Erfinv(2*p-1)
		bytes := 128 * math.Exp(1.25*z)
		sizes[i] = uint32(min(max(math.Ceil(math.Floor(bytes)/8)*8, 16), 4096))
	}
	return sizes
}()
