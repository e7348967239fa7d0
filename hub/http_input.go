package hub

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"waverider"
	"waverider/hub/journal"
	"waverider/runner"
	"waverider/runtime"
	"waverider/wire"
)

// inputTypes are the content types a program can be given.
var inputTypes = []string{"text/plain", "application/octet-stream", "application/x-ndjson", "text/x-ndjson"}

// postInput feeds the program. The answer begins before the body is read: 200
// when the input ends with this body, 202 when it stays open.
func (h *Hub) postInput(in *Instance, w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := wire.Long(w, r)
	defer cancel()
	body, err := in.openInput(ctx, r)
	if err != nil {
		return err
	}
	defer body.turn.leave()
	end := endsStream(r)
	if err := answerEarly(w, r, end); err != nil {
		return err
	}
	return body.feed(ctx, r.Body, end)
}

// postInOut feeds the body to the program, never ending its input, and
// answers with its output.
func (h *Hub) postInOut(in *Instance, w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := wire.Long(w, r)
	defer cancel()
	body, err := in.openInput(ctx, r)
	if err != nil {
		return err
	}
	fed := make(chan error, 1)
	go func() {
		defer body.turn.leave()
		err := body.feed(ctx, r.Body, r.Header.Get("x-end-stream") == "true")
		if err != nil {
			cancel()
		}
		fed <- err
	}()
	err = in.streamOutput(ctx, w, r, nil)
	// The output is over: who still sends input is not waited for.
	wire.LeaveBody(r)
	cancel()
	feedErr := <-fed
	if err == nil { // the output is whole, whatever became of the input
		return nil
	}
	return errors.Join(err, ignoreCancel(feedErr))
}

func ignoreCancel(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// endsStream reads x-end-stream: the default for one body is to end the stream.
func endsStream(r *http.Request) bool {
	switch strings.ToLower(r.Header.Get("x-end-stream")) {
	case "false", "success":
		return false
	}
	return true
}

// answerEarly sends the status line before the body is read, as Scramjet
// does. A client that waits for "100 Continue" gets that first.
func answerEarly(w http.ResponseWriter, r *http.Request, end bool) error {
	wire.Continue(w, r)
	status := http.StatusAccepted
	if end {
		status = http.StatusOK
	}
	w.WriteHeader(status)
	return http.NewResponseController(w).Flush()
}

// intake is one body on its way into a program.
type intake struct {
	in   *Instance
	sink interface {
		ReadFrom(context.Context, io.Reader) (int64, error)
		Flush(context.Context) error
		End(context.Context) error
		Accepted() uint64
	}
	offset *int64 // of the body's first byte, where the client says it
	turn   *turn  // to leave when the body is taken
}

// reached is the offset of the next byte the program would be given.
func (b *intake) reached() int64 {
	b.in.mu.Lock()
	defer b.in.mu.Unlock()
	return int64(b.in.inBase + b.sink.Accepted())
}

// openInput checks that the Instance takes this body, and fixes the type of
// its input with the first.
func (in *Instance) openInput(ctx context.Context, r *http.Request) (*intake, error) {
	kind, err := inputType(r.Header.Get("Content-Type"))
	if err != nil {
		return nil, err
	}
	offset, err := headerOffset(r)
	if err != nil {
		return nil, err
	}
	proc, err := in.process(ctx)
	if err != nil {
		return nil, err
	}
	rec := in.record()
	if rec.Declared.Requires != "" || rec.Request.InputTopic != "" {
		return nil, waverider.Errorf(waverider.NotAllowed, "Input provided in other way")
	}
	if err := in.greeted(ctx, proc); err != nil {
		return nil, err
	}
	sink := proc.Session().Input()
	if sink.Ended() {
		return nil, waverider.Errorf(waverider.Gone, "the input of Instance %s has ended; nothing more can be sent", in.id)
	}
	if err := in.fixInputType(ctx, kind); err != nil {
		return nil, err
	}
	body := &intake{in: in, sink: sink}
	if offset >= 0 {
		if at := body.reached(); offset > at {
			return nil, &waverider.Error{Kind: waverider.Conflict, Detail: map[string]any{"offset": at},
				Message: "input between what the program has and " + wire.OffsetHeader + " is missing; send from \"offset\""}
		}
		body.offset = &offset
	}
	body.turn = in.inputTurns.take()
	return body, nil
}

// greeted waits until the runner has said which input it has: under a Hub that
// came back it may be much.
func (in *Instance) greeted(ctx context.Context, proc runtime.Process) error {
	select {
	case <-proc.Session().Connected():
		return nil
	default:
	}
	wait, cancel := context.WithCancel(ctx)
	defer cancel()
	gone := make(chan error, 1)
	go func() {
		_, err := in.until(wait, func(journal.Instance) bool { return in.proc != proc })
		gone <- err
	}()
	select {
	case <-proc.Session().Connected():
		cancel()
		<-gone
		return nil
	case err := <-gone:
		if err != nil {
			return err
		}
		return in.gone()
	}
}

func headerOffset(r *http.Request) (int64, error) {
	text := r.Header.Get(wire.OffsetHeader)
	if text == "" {
		return -1, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return 0, waverider.Errorf(waverider.Invalid, "%s: want a number of bytes, not %q", wire.OffsetHeader, text)
	}
	return n, nil
}

// inputType is the media type of a body, without parameters.
func inputType(header string) (string, error) {
	if header == "" {
		return "", nil
	}
	media, _, err := mime.ParseMediaType(header)
	if err == nil {
		for _, t := range inputTypes {
			if media == t {
				return media, nil
			}
		}
	}
	return "", waverider.Errorf(waverider.Unsupported, "content type %q is no input type; send one of %s", header, strings.Join(inputTypes, ", "))
}

// fixInputType lets the first body decide what the input is.
func (in *Instance) fixInputType(ctx context.Context, kind string) error {
	select {
	case <-in.input:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { in.input <- struct{}{} }()
	fixed := in.record().Declared.InputType
	switch {
	case fixed == "" && kind == "":
		return waverider.Errorf(waverider.NotAcceptable, "Content-Type must be defined")
	case fixed != "" && (kind == "" || kind == fixed):
		return nil
	case fixed != "":
		return waverider.Errorf(waverider.Unsupported, "the input of Instance %s is %s since its first body; send that", in.id, fixed)
	}
	if err := in.send(ctx, "input", inputMessage{kind}); err != nil {
		return err
	}
	in.update(func(rec *journal.Instance) { rec.Declared.InputType = kind })
	return in.save()
}

// feed moves a body into the program and returns once its process has it all.
func (b *intake) feed(ctx context.Context, body io.Reader, end bool) error {
	if err := b.turn.await(ctx); err != nil {
		return err
	}
	if b.offset != nil {
		if _, err := io.CopyN(io.Discard, body, b.reached()-*b.offset); err != nil && !errors.Is(err, io.EOF) {
			return cutBody(err)
		}
	}
	n, err := b.sink.ReadFrom(ctx, body)
	b.in.hub.metrics.inBytes.Add(int(n))
	if err != nil {
		return cutBody(err)
	}
	b.turn.leave() // the order stands; the process need not have it yet
	if err := b.sink.Flush(ctx); err != nil || !end {
		return err
	}
	if err := b.sink.End(ctx); !errors.Is(err, runner.ErrClosed) {
		return err
	}
	return nil // the program has all of the body and has ended before its END
}

func cutBody(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return &waverider.Error{Kind: waverider.Invalid, Message: "the body ended before it was whole", Err: err}
	}
	return err
}

// postStdin writes to the program's standard input.
func (h *Hub) postStdin(in *Instance, w http.ResponseWriter, r *http.Request) error {
	if err := wantBytes(r); err != nil {
		return err
	}
	ctx, cancel := wire.Long(w, r)
	defer cancel()
	proc, err := in.process(ctx)
	if err != nil {
		return err
	}
	stdin := proc.Stdin()
	if stdin == nil {
		return waverider.Errorf(waverider.Gone, "the stdin of Instance %s has ended; nothing more can be sent", in.id)
	}
	turn := in.stdinTurns.take()
	defer turn.leave()
	end := endsStream(r)
	if err := answerEarly(w, r, end); err != nil {
		return err
	}
	if err := turn.await(ctx); err != nil {
		return err
	}
	if err := copyStdin(ctx, stdin, r.Body); err != nil {
		return err
	}
	if end {
		return stdin.Close()
	}
	return nil
}
