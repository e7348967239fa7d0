// Command faults hurts a running Hub in every way a machine does and looks
// whether anything was lost, doubled, reordered, orphaned or left lying about.
// Streams carry numbered records that a checker knows byte by byte.
//
//	faults -binary bin/waverider [-short] [-only NAME] [-seed N] [-language python3]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"syscall"
	"time"

	"waverider"
)

func main() {
	binary := flag.String("binary", "bin/waverider", "the built `file` to hurt")
	shortRun := flag.Bool("short", false, "few rounds with a fixed seed, under 6 minutes in all")
	only := flag.String("only", "", "only faults whose name matches this `pattern`")
	seed := flag.Uint64("seed", 0, "of everything random; 0 takes a new one each time")
	language := flag.String("language", waverider.LanguageNode, "of the programs: node or python3")
	list := flag.Bool("list", false, "list the faults")
	flag.Parse()
	if *list {
		for _, s := range scenarios {
			fmt.Printf("%-10s %s\n", s.name, s.about)
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := faults(ctx, *binary, *language, *only, *shortRun, *seed)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "faults:", err)
		os.Exit(1)
	}
}

func faults(ctx context.Context, binary, language, only string, shortRun bool, seed uint64) error {
	match, err := regexp.Compile(only)
	if err != nil {
		return fmt.Errorf("-only: %w", err)
	}
	if binary, err = filepath.Abs(binary); err != nil {
		return err
	}
	if _, err := os.Stat(binary); err != nil {
		return fmt.Errorf("binary: %w; make build makes it", err)
	}
	if language != waverider.LanguageNode && language != waverider.LanguagePython {
		return fmt.Errorf("-language: %q is neither node nor python3", language)
	}
	if _, err := exec.LookPath(language); err != nil {
		return fmt.Errorf("%s is not on the PATH, so there are no programs to hurt", language)
	}
	if seed == 0 {
		if seed = 1; !shortRun {
			seed = rand.Uint64N(1 << 32)
		}
	}
	fmt.Printf("seed %d, programs in %s\n", seed, language)
	var results []*result
	for _, s := range scenarios {
		if !match.MatchString(s.name) || only == "" && shortRun && s.short == 0 || ctx.Err() != nil {
			continue
		}
		began := time.Now()
		res := s.suffer(ctx, binary, language, shortRun, seed)
		results = append(results, res)
		fmt.Printf("%-10s %5.1f s%s\n", s.name, time.Since(began).Seconds(), res.mood())
	}
	if len(results) == 0 && ctx.Err() == nil {
		return fmt.Errorf("no fault matches %q; -list names them", only)
	}
	err = report(os.Stdout, results)
	if ctx.Err() != nil {
		return errors.New("interrupted")
	}
	return err
}
