// Command bench measures a built waverider binary against the goals it has to
// hold, and each figure against a limit taken in the same run: what the
// machine gives to the same work without a Hub. On a noisy machine the ratio
// of the two tells more than the figure.
//
//	bench -binary bin/waverider [-only NAME] [-json FILE]
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) > 1 {
		if floor, ok := floors[os.Args[1]]; ok {
			exit(floor(os.Args[2:]))
		}
	}
	binary := flag.String("binary", "bin/waverider", "the built `file` to measure")
	only := flag.String("only", "", "measure only rows whose name matches this `pattern`")
	out := flag.String("json", "", "write the figures to this `file` too")
	list := flag.Bool("list", false, "list the rows")
	flag.Parse()
	if *list {
		for _, r := range rows {
			fmt.Printf("%-10s %s\n", r.name, r.about)
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := bench(ctx, *binary, *only, *out)
	stop()
	exit(err)
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func bench(ctx context.Context, binary, only, out string) error {
	match, err := regexp.Compile(only)
	if err != nil {
		return fmt.Errorf("-only: %w", err)
	}
	g, err := newRig(binary)
	if err != nil {
		return err
	}
	defer g.close()
	report := report{Machine: machine()}
	fmt.Println(report.Machine)
	for _, r := range rows {
		if !match.MatchString(r.name) {
			continue
		}
		if ctx.Err() != nil {
			break
		}
		res := measure(ctx, g, r)
		report.Rows = append(report.Rows, res)
		res.progress(os.Stdout)
	}
	if len(report.Rows) == 0 && ctx.Err() == nil {
		return fmt.Errorf("no row matches %q; -list names them", only)
	}
	report.print(os.Stdout)
	if out != "" {
		if err := report.save(out); err != nil {
			return err
		}
	}
	if n := report.broken(); n > 0 || ctx.Err() != nil {
		return fmt.Errorf("%d rows could not be measured", n)
	}
	return nil
}

// grace is what a row gets to clean up after its deadline.
const grace = 30 * time.Second

// measure runs one row. A row that hangs fails alone: past its deadline it is
// cancelled, and left behind if it does not heed that.
func measure(ctx context.Context, g *rig, r row) result {
	ctx, cancel := context.WithTimeout(ctx, r.deadline)
	defer cancel()
	began := time.Now()
	done := make(chan result, 1)
	go func() {
		var res result
		figures, err := r.run(ctx, g)
		res.Figures = figures
		if err != nil {
			res.Error = err.Error()
		}
		done <- res
	}()
	var res result
	select {
	case res = <-done:
	case <-time.After(r.deadline + grace):
		res.Error = fmt.Sprintf("hung: no result after %v, and did not stop when told to", r.deadline)
	}
	res.Row, res.Seconds, res.Load = r.name, time.Since(began).Seconds(), load()
	return res
}
