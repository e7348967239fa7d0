package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"time"

	"waverider/internal/testhub"
	"waverider/internal/testnet"
	"waverider/internal/testspace"
)

// benchLinkControl calls a Hub through its Space while the Topics of the Hub
// fill a line of 100 Mbit/s between the two.
func benchLinkControl(ctx context.Context, g *rig) (figures []figure, err error) {
	const (
		mbit = 100
		bulk = 160 << 20 // 13 s of the line
	)
	lab, err := testnet.OpenLab()
	if errors.Is(err, testnet.ErrUnable) {
		return nil, err
	} else if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, lab.Close()) }()
	far, err := lab.Add("space")
	if err != nil {
		return nil, err
	}
	near, err := lab.Add("edge")
	if err != nil {
		return nil, err
	}
	space, err := testspace.Open(ctx, testhub.Options{Binary: g.binary, Place: far, Listen: netip.AddrPortFrom(far.Addr(), 8443).String()})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, space.Close()) }()
	edge, err := space.Join(ctx, space.URL(), "edge", testhub.Options{Binary: g.binary, Place: near, Args: []string{"--warm-pool", "0"}})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, edge.Close()) }()
	if err := near.SetRate(mbit); err != nil {
		return nil, err
	}
	call := func() (time.Duration, error) {
		began := time.Now()
		_, err := space.Hub("edge").Do(ctx, http.MethodGet, "/status", "", nil)
		return time.Since(began), err
	}
	idle, err := repeat(200, call)
	if err != nil {
		return nil, err
	}
	if err := edge.CreateTopic(ctx, testhub.Topic{ID: linkTopic, ContentType: "application/octet-stream", Durability: "async", Scope: "space"}); err != nil {
		return nil, err
	}
	filled := make(chan error, 1)
	go func() { filled <- fillRandom(ctx, edge, linkTopic, bulk) }()
	var busy series
	began := time.Now()
	var moved int64
	for {
		d, err := call()
		if err != nil {
			return nil, err
		}
		info, err := space.TopicInfo(ctx, linkTopic)
		if err == nil {
			moved = info.Bytes
		}
		if moved > bulk/10 { // it has come up to speed
			busy = append(busy, d)
		}
		if moved >= bulk*9/10 {
			break
		}
		select {
		case <-time.After(10 * time.Millisecond): // calls come now and then
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	rate := float64(moved) / time.Since(began).Seconds()
	if err := <-filled; err != nil {
		return nil, err
	}
	return []figure{{Name: "call to a Hub whose Topics fill 100 Mbit/s, p99", Value: millis(busy.quantile(0.99)), Unit: "ms", Goal: 50,
		Note: fmt.Sprintf("n=%d, p50 %.2f, max %.1f ms; with nothing else p50 %.2f, p99 %.2f ms; the Topics had %.1f MB/s of the 12.5", len(busy),
			millis(busy.median()), millis(busy.quantile(1)), millis(idle.median()), millis(idle.quantile(0.99)), rate/mega)}}, nil
}

// fillRandom puts n bytes that nothing makes smaller into a Topic.
func fillRandom(ctx context.Context, h *testspace.Hub, name string, n int) error {
	in, err := h.ProduceAs(ctx, name, "application/octet-stream")
	if err != nil {
		return err
	}
	defer in.Close()
	piece := make([]byte, streamPiece)
	for n > 0 {
		_, _ = rand.Read(piece) // never fails
		m, err := in.Write(piece[:min(n, len(piece))])
		if err != nil {
			return err
		}
		n -= m
	}
	return in.Finish()
}
