package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"waverider/runner"
	"waverider/runtime/process"
)

// fewFiles is a limit of open files that a busy Hub can run into: it needs
// about eight for each Instance.
const fewFiles = 4096

func platform(version string) string {
	return fmt.Sprintf("%s, %s/%s, %d cores", version, runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
}

// node looks for what runs Node programs, in the way a Hub does.
func node(ctx context.Context) []Finding {
	dir, err := os.MkdirTemp("", "waverider-doctor-")
	if err != nil {
		return do(one("node", Fail, "cannot write to the folder for temporary files: %v", err), "give one that can be written with TMPDIR")
	}
	defer os.RemoveAll(dir)
	found, err := process.FindNode(ctx, dir)
	if err != nil {
		return do(one("node", Fail, "%v", err), "install Node 18 or newer: https://nodejs.org/en/download or the package manager of your system")
	}
	text := fmt.Sprintf("%s at %s", found.Version, found.Path)
	if named, err := exec.LookPath("node"); err == nil {
		if real, err := filepath.EvalSymlinks(named); err == nil && real != found.Path {
			text += fmt.Sprintf(", past the version manager's %s", named)
		}
	}
	return one("node", OK, "%s", text)
}

// python looks for what runs Python programs, in the way a Hub does.
func python(ctx context.Context) []Finding {
	dir, err := os.MkdirTemp("", "waverider-doctor-")
	if err != nil {
		return one("python3", Skip, "cannot write to the folder for temporary files: %v", err)
	}
	defer os.RemoveAll(dir)
	found, err := process.FindPython(ctx, dir)
	if err != nil {
		return do(one("python3", Warn, "%v: Python programs cannot be run", err), "install Python 3.9 or newer with the package manager of your system, if you want to run such")
	}
	return one("python3", OK, "%s at %s", found.Version, found.Path)
}

func npm(ctx context.Context) []Finding {
	path, err := exec.LookPath("npm")
	if err != nil {
		return do(one("npm", Warn, "not installed"), "needed to install the dependencies of programs and for TypeScript; it comes with Node")
	}
	out, err := exec.CommandContext(ctx, path, "--version").Output()
	if err != nil {
		return do(one("npm", Warn, "%s does not work: %v", path, err), "install Node with npm anew")
	}
	return one("npm", OK, "%s at %s", strings.TrimSpace(string(out)), path)
}

func scramjet(context.Context) []Finding {
	if runner.HasScramjet() {
		return one("scramjet", OK, "the library is in this build")
	}
	return do(one("scramjet", Warn, "the library is not in this build: programs that use its stream methods fail"),
		"build with npm installed: make build")
}

// files looks at the limit of open files.
func files(context.Context) []Finding {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return one("open files", Skip, "the limit cannot be read: %v", err)
	}
	// Go raises the soft limit to the hard one by itself.
	if limit.Max < fewFiles {
		return do(one("open files", Warn, "at most %d", limit.Max), "raise the hard limit of open files for about 8 for each Instance (ulimit -Hn, or LimitNOFILE of the service)")
	}
	return one("open files", OK, "at most %d", limit.Max)
}

// writable tells whether files can be made in dir, or in the nearest folder
// above it that there is, and how much room is left there.
func writable(dir string) (where string, free uint64, err error) {
	for where = dir; ; where = filepath.Dir(where) {
		info, err := os.Stat(where)
		if err == nil && !info.IsDir() {
			return where, 0, fmt.Errorf("%s is no folder", where)
		}
		if err == nil {
			break
		}
		if !errors.Is(err, os.ErrNotExist) || where == filepath.Dir(where) {
			return where, 0, err
		}
	}
	f, err := os.CreateTemp(where, ".waverider-doctor-*")
	if err != nil {
		return where, 0, err
	}
	err = errors.Join(f.Close(), os.Remove(f.Name()))
	var fs syscall.Statfs_t
	if err == nil {
		err = syscall.Statfs(where, &fs)
	}
	return where, uint64(fs.Bavail) * uint64(fs.Bsize), err
}
