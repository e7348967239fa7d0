package hub_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"waverider"
)

// puller is a program that takes its input line by line, as `for await` does. It
// tells its progress, and drops what an earlier run has given.
type puller struct {
	*proc
	done, n  uint64 // records finished, units emitted since
	written  uint64 // bytes
	said     bool
	ahead    uint64 // it may work on so many records at a time
	saves    int
	provides string
}

// pull is a program that emits for each line what do says.
func pull(do func(p *puller, line string)) program {
	return func(p *proc) int {
		p.ready()
		return (&puller{proc: p}).run(do)
	}
}

func (p *puller) run(do func(p *puller, line string)) int {
	lines := bufio.NewReader(p)
	for {
		line, err := lines.ReadString('\n')
		if errors.Is(err, io.EOF) {
			p.ahead = 0
			p.mark()
			return p.finish(0)
		} else if err != nil {
			return waverider.ExitKilled
		}
		do(p, strings.TrimSuffix(line, "\n"))
		if p.isKilled() {
			return waverider.ExitKilled
		}
		p.done, p.n = p.done+1, 0
		p.mark()
	}
}

func (p *puller) emit(line string) {
	if !p.said {
		p.said = true
		_ = p.Send("output", map[string]any{"provides": p.provides, "contentType": waverider.TypeNDJSON, "encoding": ""})
	}
	skip := p.Spec.Start.Skip
	if skip == nil || p.done > skip.Done || p.done == skip.Done && p.n >= skip.N {
		_, _ = io.WriteString(p, line+"\n")
		p.written += uint64(len(line)) + 1
	}
	p.n++
	p.mark()
}

func (p *puller) mark() {
	if p.ahead > 0 {
		p.Mark(p.done-min(p.done, p.ahead), 0, false)
		return
	}
	p.Mark(p.done, p.n, true)
}

// save keeps a state that covers the record in work, and waits for the answer.
func (p *puller) save(state any) {
	p.saves++
	_ = p.Send("save", map[string]any{"id": p.saves, "state": state, "done": p.done + 1, "output": p.written})
	_, _ = p.Expect("saved")
}

func identity(p *puller, line string) { p.emit(line) }

func filter(p *puller, line string) {
	if strings.HasSuffix(line, "0") {
		p.emit(line)
	}
}

func expander(p *puller, line string) {
	n, _ := strconv.Atoi(line)
	for i := range n % 4 {
		p.emit(fmt.Sprintf("[%s,%d]", line, i))
	}
}

// window sums seven records at a time, and saves what it has after each third.
func window() func(*puller, string) {
	var sum struct {
		From *proc `json:"-"`
		N    int
		Sum  int
	}
	return func(p *puller, line string) {
		if sum.From != p.proc { // a new run
			sum.From, sum.N, sum.Sum = p.proc, 0, 0
			if state := p.Spec.Start.State; state != nil {
				if err := json.Unmarshal(state, &sum); err != nil {
					panic(err)
				}
			}
		}
		n, _ := strconv.Atoi(line)
		sum.N, sum.Sum = sum.N+1, sum.Sum+n
		if sum.N%7 == 0 {
			p.emit(strconv.Itoa(sum.Sum))
			sum.Sum = 0
		}
		if sum.N%3 == 0 {
			p.save(sum)
		}
	}
}

// kind is a program, and what it emits for the records 0..n-1 when nothing goes
// wrong.
type kind struct {
	start string // of the request
	do    func() func(*puller, string)
	want  func(n int) []string
}

func always(do func(*puller, string)) func() func(*puller, string) {
	return func() func(*puller, string) { return do }
}

var kinds = map[string]kind{
	"identity": {"{}", always(identity), func(n int) []string { return numbered(0, n) }},
	"filter": {"{}", always(filter), func(n int) (out []string) {
		for i := 0; i < n; i += 10 {
			out = append(out, strconv.Itoa(i))
		}
		return out
	}},
	"expander": {"{}", always(expander), func(n int) (out []string) {
		for i := range n {
			for k := range i % 4 {
				out = append(out, fmt.Sprintf("[%d,%d]", i, k))
			}
		}
		return out
	}},
	"window with save": {`{"ack":"save"}`, window, func(n int) (out []string) {
		for i := 7; i <= n; i += 7 {
			out = append(out, strconv.Itoa(7*i-7*8/2))
		}
		return out
	}},
}
