package main

import (
	"bytes"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

const (
	commits   = 200
	perCommit = 100
	small     = 200 // bytes of a message
)

// commit stores messages of different subjects, many at once, all or none, and
// waits until they are on disk before it sends the next.
func (e *engine) commit() (took []time.Duration, err error) {
	if err := e.makeStream(server.StreamConfig{Subjects: []string{"raw.*"}, AllowAtomicPublish: true}); err != nil {
		return nil, err
	}
	for i := range commits {
		began := time.Now()
		if err := e.commitOnce(strconv.Itoa(i)); err != nil {
			return took, err
		}
		took = append(took, time.Since(began))
	}
	return took, nil
}

func (e *engine) commitOnce(id string) error {
	data := make([]byte, small)
	for n := range perCommit - 1 {
		if err := e.in.PublishMsg(inBatch(id, n, data)); err != nil {
			return err
		}
	}
	last := inBatch(id, perCommit-1, data)
	last.Header.Set("Nats-Batch-Commit", "1")
	answer, err := e.in.RequestMsg(last, answerWithin)
	if err == nil && bytes.Contains(answer.Data, []byte(`"error"`)) {
		err = fmt.Errorf("commit: %s", answer.Data)
	}
	return err
}

func inBatch(id string, n int, data []byte) *nats.Msg {
	m := nats.NewMsg("raw." + strconv.Itoa(n))
	m.Data = data
	m.Header.Set("Nats-Batch-Id", id)
	m.Header.Set("Nats-Batch-Sequence", strconv.Itoa(n+1))
	return m
}
