package demo

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"waverider"
	"waverider/client"
)

//go:embed all:sequences
var sequences embed.FS

// instances are the two programs of the demo.
type instances struct{ figures, stats string }

// statsConfig is the configuration rolling-stats is started with.
func statsConfig() map[string]any {
	limit := func(above, below float64) map[string]float64 {
		return map[string]float64{"above": above, "below": below}
	}
	pointers := make([]string, len(figures))
	for i, f := range figures {
		pointers[i] = f.pointer
	}
	return map[string]any{
		"windowSeconds": windowSeconds,
		"figures":       pointers,
		"alerts": map[string]any{
			"/cpu/busy":     limit(0.8, 0.6),
			"/memory/share": limit(0.9, 0.85),
			"/disk/share":   limit(0.95, 0.93),
		},
	}
}

func deploy(ctx context.Context, c *client.Client) (ids instances, err error) {
	dir, err := os.MkdirTemp("", "waverider-demo-")
	if err != nil {
		return ids, fmt.Errorf("make a folder for the programs: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	config, err := json.Marshal(statsConfig())
	if err != nil {
		return ids, err
	}
	if ids.stats, err = start(ctx, c, dir, "rolling-stats", waverider.StartRequest{AppConfig: config}); err != nil {
		return ids, err
	}
	ids.figures, err = start(ctx, c, dir, "machine-figures", waverider.StartRequest{})
	return ids, err
}

// start gives a Sequence to the Hub and starts it.
func start(ctx context.Context, c *client.Client, dir, name string, req waverider.StartRequest) (string, error) {
	source, err := unfold(dir, name)
	if err != nil {
		return "", err
	}
	var packed bytes.Buffer
	if _, err := client.Pack(ctx, source, &packed, client.PackOptions{}); err != nil {
		return "", fmt.Errorf("pack %s: %w", name, err)
	}
	sequence, err := c.SendSequence(ctx, client.Package{Body: &packed, Size: int64(packed.Len())})
	if err != nil {
		return "", fmt.Errorf("send %s: %w", name, err)
	}
	id, err := c.StartSequence(ctx, string(sequence), req)
	if err != nil {
		return "", fmt.Errorf("start %s: %w", name, err)
	}
	return string(id), nil
}

// unfold writes an embedded Sequence below dir.
func unfold(dir, name string) (string, error) {
	files, err := fs.Sub(sequences, path.Join("sequences", name))
	if err != nil {
		return "", err
	}
	into := filepath.Join(dir, name)
	if err := os.CopyFS(into, files); err != nil {
		return "", fmt.Errorf("write %s: %w", name, err)
	}
	return into, nil
}
