package testhub

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// buffer is large, so that the client is never what a figure measures.
const buffer = 256 << 10

const dialTimeout = 5 * time.Second

// OffsetHeader tells where in a stream a body begins.
const OffsetHeader = "Waverider-Offset"

// exchange is one raw HTTP/1.1 request whose body and answer run at the same
// time, which the standard client does not promise.
type exchange struct {
	conn  net.Conn
	in    *bufio.Reader
	resp  *http.Response
	stop  func() bool
	close sync.Once
}

// exchange sends a request and reads the answer's head.
func (a API) exchange(ctx context.Context, method, path string, header ...string) (*exchange, error) {
	e, err := a.send(ctx, method, path, header...)
	if err != nil {
		return nil, err
	}
	if err := e.answer(method, path); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return e, nil
}

// send sends the head of a request.
func (a API) send(ctx context.Context, method, path string, header ...string) (*exchange, error) {
	conn, err := a.dial(ctx)
	if err != nil {
		return nil, err
	}
	e := &exchange{conn: conn, in: bufio.NewReaderSize(conn, buffer)}
	e.stop = context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	var head strings.Builder
	fmt.Fprintf(&head, "%s %s HTTP/1.1\r\nHost: %s\r\n", method, path, a.addr())
	if a.way.Token != "" {
		header = append(header, "Authorization", "Bearer "+a.way.Token)
	}
	for i := 0; i+1 < len(header); i += 2 {
		fmt.Fprintf(&head, "%s: %s\r\n", header[i], header[i+1])
	}
	head.WriteString("\r\n")
	if _, err := io.WriteString(conn, head.String()); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return e, nil
}

// answer reads the head of the answer.
func (e *exchange) answer(method, path string) (err error) {
	if e.resp, err = http.ReadResponse(e.in, &http.Request{Method: method}); err != nil {
		return err
	}
	if e.resp.StatusCode >= 400 {
		text, _ := io.ReadAll(io.LimitReader(e.resp.Body, 64<<10)) // what there is will do
		return &StatusError{method, path, e.resp.StatusCode, text}
	}
	return nil
}

// Close cuts the connection.
func (e *exchange) Close() (err error) {
	e.close.Do(func() {
		e.stop()
		err = e.conn.Close()
	})
	return err
}

// Out is a stream from the Hub. Offset is that of its first byte, -1 when the
// answer does not tell.
type Out struct {
	*exchange
	Offset int64
}

func (o *Out) Read(p []byte) (int, error) { return o.resp.Body.Read(p) }

// Get opens a stream at a path of the API, for example
// /instance/ID/stdout?from=start.
func (a API) Get(ctx context.Context, path string) (*Out, error) {
	return a.GetRaw(ctx, a.way.Base+path)
}

// GetRaw is Get for a path outside the API.
func (a API) GetRaw(ctx context.Context, path string) (*Out, error) {
	e, err := a.exchange(ctx, http.MethodGet, path)
	if err != nil {
		return nil, err
	}
	offset, err := strconv.ParseInt(e.resp.Header.Get(OffsetHeader), 10, 64)
	if err != nil {
		offset = -1
	}
	return &Out{e, offset}, nil
}

// Output opens the output of an Instance; offset 0 takes what comes.
func (a API) Output(ctx context.Context, id string, offset int64) (*Out, error) {
	path := "/instance/" + id + "/output"
	if offset > 0 {
		path += "?offset=" + strconv.FormatInt(offset, 10)
	}
	return a.Get(ctx, path)
}

// In is an open request body. Each Write is one chunk, sent at once.
type In struct {
	*exchange
	chunk net.Buffers
	size  [20]byte
}

// Post opens a request body at a path outside the API.
func (a API) Post(ctx context.Context, path string, header ...string) (*In, error) {
	e, err := a.exchange(ctx, http.MethodPost, path, append(header, "Transfer-Encoding", "chunked")...)
	if err != nil {
		return nil, err
	}
	return &In{exchange: e}, nil
}

// Input opens the input of an Instance. offset below 0: not told to the Hub.
func (a API) Input(ctx context.Context, id, contentType string, offset int64, end bool) (*In, error) {
	header := []string{"Content-Type", contentType, "x-end-stream", strconv.FormatBool(end)}
	if offset >= 0 {
		header = append(header, OffsetHeader, strconv.FormatInt(offset, 10))
	}
	return a.Post(ctx, a.way.Base+"/instance/"+id+"/input", header...)
}

func (in *In) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	size := append(strconv.AppendInt(in.size[:0], int64(len(p)), 16), '\r', '\n')
	in.chunk = append(in.chunk[:0], size, p, []byte("\r\n"))
	n, err := in.chunk.WriteTo(in.conn)
	if err != nil {
		return max(0, min(int(n)-len(size), len(p))), err
	}
	return len(p), nil
}

// Finish ends the body and waits for the end of the answer, which says that
// the program has it all.
func (in *In) Finish() error {
	if _, err := io.WriteString(in.conn, "0\r\n\r\n"); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, in.resp.Body)
	return errors.Join(err, in.Close())
}
