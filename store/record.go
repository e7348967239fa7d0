package store

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"waverider"
)

// meta is the first line of a record. The lines after it are the files and
// links of the package, "kind hash path", for a link with the hash of its
// target; the last line is the hash of all before, so that a record of which
// a power cut has taken a part is not believed.
type meta struct {
	Version  int                `json:"version"`
	Digest   waverider.Digest   `json:"digest"`
	Size     int64              `json:"size"`
	Unpacked int64              `json:"unpacked"`
	Boot     string             `json:"boot,omitempty"` // see bootID; empty: settled for good
	Manifest waverider.Manifest `json:"manifest"`
}

const recordVersion = 1

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

// writeRecord writes what Open and Verify need. It is not fsynced: one that a
// power cut has taken is made again from the archive.
func writeRecord(home string, e *entry, files map[string]listed) error {
	m := meta{
		Version: recordVersion, Digest: e.Digest, Size: e.Size, Unpacked: e.Unpacked, Boot: e.boot, Manifest: e.Manifest,
	}
	head, err := json.Marshal(m)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	b.Write(head)
	b.WriteByte('\n')
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(&b, "%c %x %s\n", files[name].kind, files[name].sum, name)
	}
	fmt.Fprintf(&b, "%x\n", sha256.Sum256(b.Bytes()))
	name := filepath.Join(home, recordFile)
	if _, err := os.Lstat(name); err != nil { // nothing to replace
		return onDisk(os.WriteFile(name, b.Bytes(), 0o644))
	}
	if err := os.WriteFile(name+".new", b.Bytes(), 0o644); err != nil {
		return onDisk(err)
	}
	return onDisk(os.Rename(name+".new", name))
}

// readMeta reads the head of a record only: Open does it for every package.
func readMeta(home string, digest waverider.Digest) (*entry, error) {
	f, err := os.Open(filepath.Join(home, recordFile))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	line, err := bufio.NewReader(f).ReadBytes('\n')
	if err != nil {
		return nil, fmt.Errorf("read record: %w", err)
	}
	var m meta
	if err := json.Unmarshal(line, &m); err != nil {
		return nil, fmt.Errorf("read record: %w", err)
	}
	if m.Version != recordVersion || m.Digest != digest {
		return nil, fmt.Errorf("read record: it is version %d of %q", m.Version, m.Digest)
	}
	return &entry{
		settled: m.Boot == "" || m.Boot == bootID(),
		boot:    m.Boot,
		Package: Package{
			Digest: digest, Size: m.Size, Unpacked: m.Unpacked,
			Dir: filepath.Join(home, packageDir), Manifest: m.Manifest,
		},
	}, nil
}

// listed is what a record says of one file or link.
type listed struct {
	kind kind
	sum  sum
}

func readList(home string) (map[string]listed, error) {
	data, err := os.ReadFile(filepath.Join(home, recordFile))
	if err != nil {
		return nil, err
	}
	end := bytes.LastIndexByte(bytes.TrimSuffix(data, []byte("\n")), '\n') + 1
	if fmt.Sprintf("%x\n", sha256.Sum256(data[:end])) != string(data[end:]) {
		return nil, fmt.Errorf("its record is damaged")
	}
	lines := strings.Split(strings.TrimSuffix(string(data[:end]), "\n"), "\n")[1:]
	files := make(map[string]listed, len(lines))
	for _, line := range lines {
		name, l, err := parseListed(line)
		if err != nil {
			return nil, err
		}
		files[name] = l
	}
	return files, nil
}

func parseListed(line string) (name string, l listed, err error) {
	parts := strings.SplitN(line, " ", 3)
	if len(parts) != 3 || len(parts[0]) != 1 || hex.DecodedLen(len(parts[1])) != len(l.sum) {
		return "", l, fmt.Errorf("its record has the line %.80q", line)
	}
	if _, err := hex.Decode(l.sum[:], []byte(parts[1])); err != nil {
		return "", l, fmt.Errorf("its record has the line %.80q: %w", line, err)
	}
	l.kind = kind(parts[0][0])
	return parts[2], l, nil
}

// list is what a record says of this tree.
func (t *tree) list() map[string]listed {
	files := make(map[string]listed, len(t.kinds))
	for name, k := range t.kinds {
		switch {
		case k.isFile():
			files[name] = listed{k, t.sums[name]}
		case k == link:
			files[name] = listed{k, sha256.Sum256([]byte(t.links[name]))}
		}
	}
	return files
}
