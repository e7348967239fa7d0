package store

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"waverider"
)

// contents is what unpacking an archive has shown.
type contents struct {
	manifest waverider.Manifest
	unpacked int64
	tree     *tree
}

// unpackInto unpacks an archive to dir/package and checks that it is a
// package: its manifest, its main file, its links.
func unpackInto(ctx context.Context, dir string, archive io.Reader, limits Limits, grow func(int64) error, ahead bool) (contents, error) {
	staging := filepath.Join(dir, "unpacked")
	if err := os.Mkdir(staging, 0o755); err != nil {
		return contents{}, onDisk(err)
	}
	root, err := os.OpenRoot(staging)
	if err != nil {
		return contents{}, onDisk(err)
	}
	defer root.Close()
	everything, unpacked, err := unpack(ctx, archive, root, limits, grow, ahead)
	if err != nil {
		return contents{}, err
	}
	top, err := everything.packageRoot()
	if err != nil {
		return contents{}, err
	}
	c := contents{unpacked: unpacked, tree: everything.below(top)}
	place, err := root.OpenRoot(filepath.Join(".", top))
	if err != nil {
		return contents{}, onDisk(err)
	}
	defer place.Close()
	if err := c.check(place); err != nil {
		return contents{}, err
	}
	if err := c.tree.makeLinks(place); err != nil {
		return contents{}, err
	}
	return c, onDisk(os.Rename(filepath.Join(staging, top), filepath.Join(dir, packageDir)))
}

func (c *contents) check(place *os.Root) error {
	if err := c.tree.checkLinks(); err != nil {
		return err
	}
	if !c.tree.kinds["package.json"].isFile() {
		return waverider.Errorf(waverider.Unprocessable, "package.json: it is not a file")
	}
	f, err := place.Open("package.json")
	if err != nil {
		return fmt.Errorf("read package.json: %w", err)
	}
	defer f.Close()
	// One byte more than allowed, so that ParseManifest sees that it is too long.
	data, err := io.ReadAll(io.LimitReader(f, waverider.MaxManifest+1))
	if err != nil {
		return fmt.Errorf("read package.json: %w", err)
	}
	if c.manifest, err = waverider.ParseManifest(data); err != nil {
		return err
	}
	return c.tree.checkMain(c.manifest)
}

// meta is the file meta.json.
type meta struct {
	Version  int                `json:"version"`
	Digest   waverider.Digest   `json:"digest"`
	Size     int64              `json:"size"`
	Unpacked int64              `json:"unpacked"`
	Boot     string             `json:"boot,omitempty"` // see bootID; empty: settled for good
	Manifest waverider.Manifest `json:"manifest"`
}

const metaVersion = 1

// bootID names the running kernel. Files of a package are not fsynced one by
// one: until the kernel that took them stops they are what was written, and
// after that they are compared once with the list of hashes. Where there is no
// such id they are compared after every start of the Hub.
var bootID = sync.OnceValue(func() string {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(id))
})

// record writes what Open and Verify need. It is not fsynced: a record that a
// power cut has taken is made again from the archive.
func (c *contents) record(home string, e *entry) error {
	if err := os.WriteFile(filepath.Join(home, filesFile), c.tree.list(), 0o644); err != nil {
		return onDisk(err)
	}
	boot := bootID()
	if boot == "" {
		boot = "unknown"
	}
	return writeMeta(home, meta{
		Version: metaVersion, Digest: e.Digest, Size: e.Size, Unpacked: e.Unpacked, Boot: boot, Manifest: e.Manifest,
	})
}

func writeMeta(home string, m meta) error {
	data, err := json.Marshal(m)
	if err != nil {
		return err
	}
	name := filepath.Join(home, metaFile)
	if err := os.WriteFile(name+".new", append(data, '\n'), 0o644); err != nil {
		return onDisk(err)
	}
	return onDisk(os.Rename(name+".new", name))
}

func readMeta(home string, digest waverider.Digest) (*entry, error) {
	data, err := os.ReadFile(filepath.Join(home, metaFile))
	if err != nil {
		return nil, err
	}
	var m meta
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, err
	}
	if m.Version != metaVersion || m.Digest != digest {
		return nil, fmt.Errorf("%s is version %d of %s", metaFile, m.Version, m.Digest)
	}
	return &entry{
		settled: m.Boot == "" || m.Boot == bootID(),
		Package: Package{
			Digest: digest, Size: m.Size, Unpacked: m.Unpacked,
			Dir: filepath.Join(home, packageDir), Manifest: m.Manifest,
		},
	}, nil
}

// list is the file of hashes: a line for each file and link, "kind hash path",
// for a link with the hash of its target.
func (t *tree) list() []byte {
	var b bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(t.kinds)) {
		k := t.kinds[name]
		s := t.sums[name]
		switch k {
		case folder:
			continue
		case link:
			s = sha256.Sum256([]byte(t.links[name]))
		}
		fmt.Fprintf(&b, "%c %x %s\n", k, s, name)
	}
	return b.Bytes()
}

type listed struct {
	kind kind
	sum  sum
}

func readList(home string) (map[string]listed, error) {
	f, err := os.Open(filepath.Join(home, filesFile))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	files := map[string]listed{}
	for lines := bufio.NewScanner(f); ; {
		if !lines.Scan() {
			return files, lines.Err()
		}
		parts := strings.SplitN(lines.Text(), " ", 3)
		var l listed
		if len(parts) != 3 || len(parts[0]) != 1 || hex.DecodedLen(len(parts[1])) != len(l.sum) {
			return nil, fmt.Errorf("list of files: cannot read line %d", len(files)+1)
		}
		l.kind = kind(parts[0][0])
		if _, err := hex.Decode(l.sum[:], []byte(parts[1])); err != nil {
			return nil, fmt.Errorf("list of files: line %d: %w", len(files)+1, err)
		}
		files[parts[2]] = l
	}
}
