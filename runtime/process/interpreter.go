package process

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// The oldest versions the runners work with.
const (
	oldestNode         = 18
	oldestPython       = 9 // 3.9
	newestPythonByName = 14
)

// Interpreter is an installed Node or Python.
type Interpreter struct {
	Path    string `json:"path"`    // the interpreter itself, past the shims of version managers
	Version string `json:"version"` // "20.20.2"
}

var (
	// ErrNoNode means that there is no Node here, or too old a one.
	ErrNoNode = errors.New("node is not installed")
	// ErrNoPython means that there is no Python 3 here, or too old a one.
	ErrNoPython = errors.New("python3 is not installed")
)

// FindNode asks the node on PATH where it really is and of which version:
// what lies there is often the shim of a version manager, which costs much at
// each start. The answer is kept in cacheDir for as long as the files are the
// same. ErrNoNode when there is none of version 18 or newer.
func FindNode(ctx context.Context, cacheDir string) (Interpreter, error) {
	const question = "JSON.stringify({path: process.execPath, version: process.versions.node})"
	found, err := exec.LookPath("node")
	if err != nil {
		return Interpreter{}, fmt.Errorf("%w: %w", ErrNoNode, err)
	}
	node, err := ask(ctx, found, filepath.Join(cacheDir, "node.json"), "-p", question)
	if err != nil {
		return Interpreter{}, err
	}
	if real, err := filepath.EvalSymlinks(node.Path); err == nil {
		node.Path = real
	}
	if major, _ := node.numbers(); major < oldestNode {
		return Interpreter{}, fmt.Errorf("%w in version %d or newer: %s has %s", ErrNoNode, oldestNode, node.Path, node.Version)
	}
	return node, nil
}

// FindPython does the same for python3, and takes one with its version in its
// name where that is too old. The path stays a link where it is one: a virtual
// environment is found by it. ErrNoPython when there is none of version 3.9 or
// newer.
func FindPython(ctx context.Context, cacheDir string) (Interpreter, error) {
	const question = "import sys; v = sys.version_info; " +
		`print('{"path": "%s", "version": "%d.%d.%d"}' % (sys.executable.replace("\\", "\\\\").replace('"', '\\"'), v[0], v[1], v[2]))`
	var first error // what is wrong with python3 says more than what is with others
	for _, name := range pythonNames() {
		found, lookErr := exec.LookPath(name)
		if lookErr != nil {
			continue
		}
		python, askErr := ask(ctx, found, filepath.Join(cacheDir, name+".json"), "-I", "-S", "-c", question)
		if major, minor := python.numbers(); askErr == nil && major == 3 && minor >= oldestPython {
			return python, nil
		}
		if askErr == nil {
			askErr = fmt.Errorf("%w in version 3.%d or newer: %s has %s", ErrNoPython, oldestPython, python.Path, python.Version)
		}
		first = cmp.Or(first, askErr)
	}
	return Interpreter{}, cmp.Or(first, fmt.Errorf("%w: no python3 on PATH", ErrNoPython))
}

func pythonNames() []string {
	names := []string{"python3"}
	for minor := newestPythonByName; minor >= oldestPython; minor-- {
		names = append(names, fmt.Sprintf("python3.%d", minor))
	}
	return names
}

// numbers are the first two of the version, 0 where there is none.
func (i Interpreter) numbers() (major, minor int) {
	parts := append(strings.SplitN(i.Version, ".", 3), "", "")
	major, _ = strconv.Atoi(parts[0])
	minor, _ = strconv.Atoi(parts[1])
	return major, minor
}

// ask runs the file found with a question that it answers as an Interpreter
// in JSON, unless the cache has the answer.
func ask(ctx context.Context, found, cache string, question ...string) (Interpreter, error) {
	found, err := filepath.Abs(found)
	if err != nil {
		return Interpreter{}, err
	}
	if known, ok := cached(cache, found); ok {
		return known, nil
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, found, question...)
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	if err != nil {
		return Interpreter{}, fmt.Errorf("ask %s for its version: %w", found, err)
	}
	var answer Interpreter
	if err := json.Unmarshal(bytes.TrimSpace(out), &answer); err != nil || answer.Path == "" {
		return Interpreter{}, fmt.Errorf("ask %s for its version: unexpected answer %.100q", found, out)
	}
	writeCache(cache, found, answer)
	return answer, nil
}

// answerCache is true for as long as both files are what they were.
type answerCache struct {
	Found  string      `json:"found"`
	Shim   stamp       `json:"shim"`
	Answer Interpreter `json:"answer"`
	Real   stamp       `json:"real"`
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

func cached(cache, found string) (Interpreter, bool) {
	text, err := os.ReadFile(cache)
	if err != nil {
		return Interpreter{}, false
	}
	var c answerCache
	if json.Unmarshal(text, &c) != nil || c.Found != found {
		return Interpreter{}, false
	}
	// A shim may point elsewhere tomorrow without changing itself.
	target, err1 := filepath.EvalSymlinks(found)
	answered, err2 := filepath.EvalSymlinks(c.Answer.Path)
	if err1 != nil || err2 != nil || target != answered {
		return Interpreter{}, false
	}
	shim, ok1 := stampOf(found)
	real, ok2 := stampOf(c.Answer.Path)
	return c.Answer, ok1 && ok2 && shim == c.Shim && real == c.Real
}

// writeCache may fail: then the next start asks again.
func writeCache(cache, found string, answer Interpreter) {
	c := answerCache{Found: found, Answer: answer}
	c.Shim, _ = stampOf(found)
	c.Real, _ = stampOf(answer.Path)
	text, err := json.Marshal(c)
	if err != nil || os.MkdirAll(filepath.Dir(cache), 0o700) != nil {
		return
	}
	if os.WriteFile(cache+".new", text, 0o600) == nil {
		os.Rename(cache+".new", cache)
	}
}
