package runtimetest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"

	"waverider/runner"
	"waverider/runner/runnertest"
)

// Program runs a program of the suite and exits, if this process was started
// as a runner. Otherwise it returns.
func Program() {
	if os.Getenv("WAVERIDER_KEY") == "" {
		return
	}
	code, err := program()
	if err != nil {
		fmt.Fprintln(os.Stderr, "program:", err)
		code = 99
	}
	os.Exit(code)
}

func program() (int, error) {
	r, err := runnertest.FromEnv()
	if err != nil {
		return 0, err
	}
	defer r.Close()
	m, err := r.Expect("start")
	if err != nil {
		return 0, err
	}
	var start runner.Start
	if err := m.Decode(&start); err != nil {
		return 0, err
	}
	var args []string
	if len(start.Args) > 0 {
		if err := json.Unmarshal(start.Args, &args); err != nil {
			return 0, err
		}
	}
	f := programs[start.Main]
	if f == nil {
		return 0, fmt.Errorf("no program %q", start.Main)
	}
	return f(&world{Runner: r, start: start, stdin: bufio.NewReader(os.Stdin)}, append(args, "", "", "")[:3])
}

// world is what a program of the suite has around it.
type world struct {
	*runnertest.Runner
	start runner.Start
	stdin *bufio.Reader
}

func (w *world) line() string {
	text, _ := w.stdin.ReadString('\n')
	return strings.TrimSuffix(text, "\n")
}

// programs by their main; each has up to three arguments.
var programs = map[string]func(w *world, args []string) (int, error){
	// echo sends its input back.
	"echo": func(w *world, _ []string) (int, error) {
		if err := w.Echo(); err != nil {
			return 0, err
		}
		return 0, w.Drain()
	},
	// exit CODE, after a word to each of stdout, stderr and log.
	"exit": func(_ *world, args []string) (int, error) {
		fmt.Println("to stdout")
		fmt.Fprintln(os.Stderr, "to stderr")
		fmt.Fprintln(os.NewFile(3, "log"), `{"msg":"to log"}`)
		return strconv.Atoi(args[0])
	},
	// signal NUMBER sends itself a signal.
	"signal": func(_ *world, args []string) (int, error) {
		n, err := strconv.Atoi(args[0])
		if err != nil {
			return 0, err
		}
		syscall.Kill(os.Getpid(), syscall.Signal(n))
		select {}
	},
	// stdin copies stdin to stdout.
	"stdin": func(*world, []string) (int, error) {
		_, err := io.Copy(os.Stdout, os.Stdin)
		return 0, err
	},
	// lines FROM COUNT prints numbered lines as fast as it can; COUNT 0: until
	// stdin says something.
	"lines": printLines,
	// wait says ready, takes a line and exits with it as its code.
	"wait": func(w *world, _ []string) (int, error) {
		fmt.Println("ready")
		return strconv.Atoi(w.line())
	},
	// spin never gives the processor away.
	"spin": func(*world, []string) (int, error) {
		fmt.Println("ready")
		//lint:ignore SA5002 a busy loop is what the tests kill
		for {
		}
	},
	// tree has a grandchild in a session of its own that holds nothing of
	// it, prints its pid, takes a line and exits with it as its code.
	"tree": func(w *world, _ []string) (int, error) {
		pid, err := grandchild()
		if err != nil {
			return 0, err
		}
		fmt.Println(pid)
		return strconv.Atoi(w.line())
	},
	// where prints its folder, some of its environment and its file limit.
	"where": func(w *world, _ []string) (int, error) {
		dir, err := os.Getwd()
		if err != nil {
			return 0, err
		}
		for k, v := range w.start.Env {
			os.Setenv(k, v)
		}
		var files syscall.Rlimit
		if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
			return 0, err
		}
		real, err := os.Stat(os.Getenv("TMPDIR"))
		if err != nil || !real.IsDir() {
			return 0, fmt.Errorf("TMPDIR: %v", err)
		}
		fmt.Printf("%s\n%s\n%s\n%d\n%s\n", dir, os.Getenv("HOME"), os.Getenv("GRANTED"), files.Max, os.Getenv("SUITE_SECRET"))
		return 0, nil
	},
	// tidy removes its folder with all that is in it, and goes on.
	"tidy": func(w *world, _ []string) (int, error) {
		fmt.Println("before")
		if err := os.RemoveAll(w.start.Slot); err != nil {
			return 0, err
		}
		fmt.Println("after")
		return 0, nil
	},
	// hog takes memory until somebody ends it.
	"hog": func(*world, []string) (int, error) {
		var all [][]byte
		for range 4096 {
			b := make([]byte, 1<<20)
			for i := 0; i < len(b); i += 4096 {
				b[i] = 1
			}
			all = append(all, b)
		}
		return len(all) & 1, nil
	},
	// forks starts COUNT processes and prints how many it got.
	"forks": func(w *world, args []string) (int, error) {
		n, err := strconv.Atoi(args[0])
		if err != nil {
			return 0, err
		}
		started := 0
		for range n {
			if exec.Command("sleep", "1000").Start() == nil {
				started++
			}
		}
		fmt.Println(started)
		return 0, nil
	},
}

func printLines(w *world, args []string) (int, error) {
	from, err := strconv.Atoi(args[0])
	if err != nil {
		return 0, err
	}
	count, err := strconv.Atoi(args[1])
	if err != nil {
		return 0, err
	}
	stop := make(chan struct{})
	if count == 0 {
		go func() { w.line(); close(stop) }()
	}
	out := bufio.NewWriterSize(os.Stdout, 4000) // pieces end within lines
	for i := from; ; i++ {
		select {
		case <-stop:
			count = i - from
		default:
		}
		if i == from+count && (count > 0 || i > from) {
			break
		}
		fmt.Fprintf(out, "line %09d of the program's standard output, long enough to be one\n", i)
	}
	if err := out.Flush(); err != nil {
		return 0, err
	}
	_, err = fmt.Fprintln(os.NewFile(3, "log"), from+count)
	return 0, err
}

// grandchild starts a process that is hard to find: not in our session, nor
// with our pipes. Its number is the one that the suite sees, also from within
// a pid namespace.
func grandchild() (int, error) {
	cmd := exec.Command("/bin/sh", "-c", `(read pid rest </proc/self/stat; echo $pid; exec sleep 1000 >/dev/null 2>&1 3>&- </dev/null) &`)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	out, err := cmd.Output()
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(out)))
}
