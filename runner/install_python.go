package runner

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// The patterns name files, since a folder's would leave out __init__.py.
//
//go:embed py/main.py py/waverider_runner/*.py py/waverider_runner/hub/*.py py/lib/scramjet/*.py
var pythonFiles embed.FS

// PythonFlags start Python without what a waiting runner does not need: the
// runner looks for installed packages itself, and packages of programs are not
// written to.
var PythonFlags = []string{"-S", "-s", "-B"}

// InstallPython does for the Python runner what InstallNode does for the other,
// has it compiled for the interpreter at python, and returns its main file.
func InstallPython(ctx context.Context, dir, python string) (string, error) {
	files, err := readEmbedded(pythonFiles, "py")
	if err != nil {
		return "", fmt.Errorf("read embedded python runner: %w", err)
	}
	folder, err := files.layOut(dir)
	if err != nil {
		return "", fmt.Errorf("install python runner: %w", err)
	}
	// It runs without, only that each start takes longer: a Python that lacks
	// the module for it is none to refuse.
	_ = compilePython(ctx, folder, python)
	return filepath.Join(folder, "main.py"), ctx.Err()
}

// compilePython does it once for each interpreter: compiling at each start
// would cost 30 ms.
func compilePython(ctx context.Context, folder, python string) error {
	info, err := os.Stat(python)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%d\x00%d", python, info.Size(), info.ModTime().UnixNano()))
	done := filepath.Join(folder, ".compiled-"+hex.EncodeToString(sum[:8]))
	if _, err := os.Stat(done); err == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, python, "-I", "-S", "-m", "compileall", "-q", folder)
	cmd.WaitDelay = time.Second
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %.500s", err, out)
	}
	return os.WriteFile(done, nil, 0o644)
}
