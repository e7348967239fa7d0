package process

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"waverider/runner"
)

// oldestNode is the first major version the runner works with.
const oldestNode = 18

// languages is what can be run here, once that is known.
type languages struct {
	once  sync.Once
	known chan struct{}
	list  map[string]Language
}

func (l *languages) set(list map[string]Language) {
	l.once.Do(func() {
		l.list = list
		close(l.known)
	})
}

func (l *languages) get(ctx context.Context) (map[string]Language, error) {
	select {
	case <-l.known:
		return l.list, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// findLanguages looks for interpreters and lays out their runners.
func (r *Runtime) findLanguages(ctx context.Context) map[string]Language {
	list := map[string]Language{}
	node, err := FindNode(ctx, filepath.Join(r.cfg.Dir, "run"))
	if err != nil {
		if ctx.Err() == nil {
			r.log.Warn("Node programs cannot be run", "err", err)
		}
		return list
	}
	files, err := runner.InstallNode(filepath.Join(r.cfg.Dir, "run", "runners"))
	if err != nil {
		r.log.Error("Node programs cannot be run", "err", err)
		return list
	}
	list["node"] = Language{Version: node.Version, Argv: []string{node.Path, files.Main}, Scramjet: files.Scramjet}
	return list
}

// Node is an installed Node.
type Node struct {
	Path    string `json:"path"`    // the interpreter itself, past links and version managers
	Version string `json:"version"` // "20.20.2"
}

// ErrNoNode means that there is no Node here, or too old a one.
var ErrNoNode = errors.New("node is not installed")

// FindNode asks the node on PATH where it really is and of which version:
// what lies there is often the shim of a version manager, which costs much at
// each start. The answer is kept in cacheDir for as long as the files are the
// same. ErrNoNode when there is none of version 18 or newer.
func FindNode(ctx context.Context, cacheDir string) (Node, error) {
	found, err := exec.LookPath("node")
	if err != nil {
		return Node{}, fmt.Errorf("%w: %w", ErrNoNode, err)
	}
	if found, err = filepath.Abs(found); err != nil {
		return Node{}, fmt.Errorf("find node: %w", err)
	}
	cache := filepath.Join(cacheDir, "node.json")
	node, ok := cachedNode(cache, found)
	if !ok {
		if node, err = askNode(ctx, found); err != nil {
			return Node{}, err
		}
		writeNodeCache(cache, found, node)
	}
	major, _, _ := strings.Cut(node.Version, ".")
	if n, err := strconv.Atoi(major); err != nil || n < oldestNode {
		return Node{}, fmt.Errorf("%w in version %d or newer: %s has %s", ErrNoNode, oldestNode, node.Path, node.Version)
	}
	return node, nil
}

func askNode(ctx context.Context, path string) (Node, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "-p", "JSON.stringify({path: process.execPath, version: process.versions.node})")
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	if err != nil {
		return Node{}, fmt.Errorf("ask %s for its version: %w", path, err)
	}
	var node Node
	if err := json.Unmarshal(bytes.TrimSpace(out), &node); err != nil || node.Path == "" {
		return Node{}, fmt.Errorf("ask %s for its version: unexpected answer %.100q", path, out)
	}
	if real, err := filepath.EvalSymlinks(node.Path); err == nil {
		node.Path = real
	}
	return node, nil
}

// nodeCache is true for as long as both files are what they were.
type nodeCache struct {
	Found string `json:"found"`
	Shim  stamp  `json:"shim"`
	Node  Node   `json:"node"`
	Real  stamp  `json:"real"`
}

type stamp struct {
	Size int64 `json:"size"`
	Time int64 `json:"time"`
}

func stampOf(path string) (stamp, bool) {
	info, err := os.Stat(path)
	if err != nil {
		return stamp{}, false
	}
	return stamp{info.Size(), info.ModTime().UnixNano()}, true
}

func cachedNode(cache, found string) (Node, bool) {
	text, err := os.ReadFile(cache)
	if err != nil {
		return Node{}, false
	}
	var c nodeCache
	if json.Unmarshal(text, &c) != nil || c.Found != found {
		return Node{}, false
	}
	shim, ok1 := stampOf(found)
	real, ok2 := stampOf(c.Node.Path)
	// A shim may point elsewhere tomorrow without changing itself.
	if target, err := filepath.EvalSymlinks(found); err != nil || target != c.Node.Path {
		return Node{}, false
	}
	return c.Node, ok1 && ok2 && shim == c.Shim && real == c.Real
}

// writeNodeCache may fail: then the next start asks again.
func writeNodeCache(cache, found string, node Node) {
	c := nodeCache{Found: found, Node: node}
	c.Shim, _ = stampOf(found)
	c.Real, _ = stampOf(node.Path)
	text, err := json.Marshal(c)
	if err != nil || os.MkdirAll(filepath.Dir(cache), 0o700) != nil {
		return
	}
	if os.WriteFile(cache+".new", text, 0o600) == nil {
		os.Rename(cache+".new", cache)
	}
}
