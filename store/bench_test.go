package store_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"waverider/store"
)

// script is text that compresses about as well as programs do.
func script(r *rand.Rand, n int) string {
	words := make([]string, 1500)
	for i := range words {
		words[i] = fmt.Sprintf("%x", r.Uint64())[:3+r.IntN(9)]
	}
	var b strings.Builder
	for b.Len() < n {
		b.WriteString(words[int(float64(len(words))*r.Float64()*r.Float64())])
		b.WriteByte(" .(=\n"[r.IntN(5)])
	}
	return b.String()[:n]
}

// benchArchives are packages of the sizes that uploads are measured with.
func benchArchives(b *testing.B) map[string]func(seed uint64) []byte {
	b.Helper()
	return map[string]func(uint64) []byte{
		"2KB": func(seed uint64) []byte {
			r := rand.New(rand.NewPCG(seed, 1))
			return archive(b, program(file{name: "lib.js", body: script(r, 5000)})...)
		},
		"20MB-packed-noise": func(seed uint64) []byte {
			r := rand.New(rand.NewPCG(seed, 2))
			noise := make([]byte, 20<<20)
			for i := range noise {
				noise[i] = byte(r.Uint32())
			}
			return archive(b, program(file{name: "model.bin", body: string(noise)})...)
		},
		"20MB-unpacked-2000-files": func(seed uint64) []byte {
			r := rand.New(rand.NewPCG(seed, 3))
			text := script(r, 20<<20)
			files := program()
			for i := range 2000 {
				files = append(files, file{name: fmt.Sprintf("node_modules/m%d/lib/f%d.js", i/20, i%20), body: text[i*10485 : (i+1)*10485]})
			}
			return archive(b, files...)
		},
		"20MB-packed-scripts": func(seed uint64) []byte {
			r := rand.New(rand.NewPCG(seed, 4))
			text := script(r, 60<<20)
			files := program()
			for i := range 600 {
				files = append(files, file{name: fmt.Sprintf("lib/f%d.js", i), body: text[i*100_000 : (i+1)*100_000]})
			}
			return archive(b, files...)
		},
	}
}

// BenchmarkUpload measures the whole round trip over HTTP, each time of a
// package that is new to the store. Nothing is removed meanwhile: ext4 looks
// for inodes that were not freed a moment ago, which makes a file take 0.7 ms
// after many were removed, and that would be all one measures.
func BenchmarkUpload(b *testing.B) {
	for name, build := range benchArchives(b) {
		b.Run(name, func(b *testing.B) {
			s := open(b, b.TempDir(), store.Limits{})
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				p, err := s.Put(r.Context(), r.Body, nil)
				if err != nil {
					http.Error(w, err.Error(), http.StatusInternalServerError)
					return
				}
				fmt.Fprint(w, p.Digest)
			}))
			defer server.Close()
			data := build(1)
			b.SetBytes(int64(len(data)))
			for n := uint32(1); b.Loop(); n++ {
				// Another digest for the same content: the time in the header of gzip.
				binary.LittleEndian.PutUint32(data[4:], n)
				response, err := http.Post(server.URL, "application/octet-stream", bytes.NewReader(data))
				if err != nil || response.StatusCode != http.StatusOK {
					b.Fatal(response, err)
				}
				response.Body.Close()
			}
			b.StopTimer()
			if n := len(s.List()); n != b.N {
				b.Fatalf("%d packages after %d uploads", n, b.N)
			}
		})
	}
}
