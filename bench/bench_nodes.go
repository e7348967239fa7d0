package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// nodesMeasured and nodesFailedOver are what rawjs prints.
type nodesMeasured struct {
	Load     string
	Nodes    int
	PerS     float64
	RecordsS float64
	MBS      float64
	P50, P99 time.Duration
}

type nodesFailedOver struct {
	Way                  string
	Gap, Slowest         time.Duration
	Acks, Settled, There int
	Lost, Doubled        int
	Wrong                []string
}

// benchNodes compares the engine on three nodes, each with a copy, with one
// node, for the writes that Topics make: how a Space of several nodes would do.
// Clients reach both over TCP.
func benchNodes(ctx context.Context, g *rig) ([]figure, error) {
	compared, err := rawObjects[nodesMeasured](ctx, g, "compare")
	if err != nil {
		return nil, err
	}
	figures, err := compareNodes(compared)
	if err != nil {
		return nil, err
	}
	kills, err := rawObjects[nodesFailedOver](ctx, g, "failover")
	if err != nil {
		return figures, err
	}
	for _, k := range kills {
		if k.Lost+k.Doubled+len(k.Wrong) > 0 {
			err = errors.Join(err, fmt.Errorf("kill of a leader, %s: %d messages lost, %d doubled, %v", k.Way, k.Lost, k.Doubled, k.Wrong))
		}
		figures = append(figures, figure{Name: "kill -9 of the leader of three until the next ack, " + k.Way, Value: k.Gap.Seconds(), Unit: "s",
			Note: fmt.Sprintf("%d acks, none lost or doubled on any node; %d had to be looked up, %d of them were stored", k.Acks, k.Settled, k.There)})
	}
	return figures, err
}

func compareNodes(all []nodesMeasured) (figures []figure, err error) {
	find := func(load string, nodes int) (m nodesMeasured) {
		for _, m := range all {
			if m.Load == load && m.Nodes == nodes {
				return m
			}
		}
		err = errors.Join(err, fmt.Errorf("raw JetStream does not tell of %s on %d nodes", load, nodes))
		return m
	}
	add := func(name, unit string, more bool, load string, value func(nodesMeasured) float64, note string) {
		figures = append(figures, figure{Name: "three nodes, " + name, Unit: unit, More: more, Value: value(find(load, 3)),
			Limit: value(find(load, 1)), LimitName: "one node", Note: note})
	}
	p50 := func(m nodesMeasured) float64 { return millis(m.P50) }
	p99 := func(m nodesMeasured) float64 { return millis(m.P99) }
	batch := find("batch", 3)
	add("batches of 512 KiB by 10 producers", "MB/s", true, "batch", func(m nodesMeasured) float64 { return m.MBS },
		fmt.Sprintf("%s of 100 bytes; ack p50 %.1f ms, p99 %.1f ms", quantity(batch.RecordsS, "records/s"), millis(batch.P50), millis(batch.P99)))
	add("one record at a time by 10 producers", "/s", true, "record", func(m nodesMeasured) float64 { return m.RecordsS }, "")
	add("ack of one record, p50", "ms", false, "record", p50, "")
	add("ack of one record, p99", "ms", false, "record", p99, "")
	add("commit of 100 messages, p50", "ms", false, "commit", p50, "")
	add("commit of 100 messages, p99", "ms", false, "commit", p99, "")
	return figures, err
}

// rawObjects runs the engine by itself and reads what it prints, as JSON.
func rawObjects[T any](ctx context.Context, g *rig, what string) (all []T, err error) {
	out, err := g.rawOutput(ctx, what)
	if err != nil {
		return nil, err
	}
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var one T
		if err := dec.Decode(&one); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, fmt.Errorf("raw JetStream: %w", err)
		}
		all = append(all, one)
	}
}
